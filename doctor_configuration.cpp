#include "doctor_configuration.hpp"

#include "configuration.hpp"

namespace holdfast {

namespace {

std::vector<std::string> serve_setting_names() {
  return serve_command.setting_names();
}

}  // namespace

const command doctor_command{
    .name = "doctor",
    .purpose = "looks whether holdfast serve would find what it needs with these settings",
    .examples =
        "  holdfast doctor\n"
        "  holdfast doctor --config /etc/holdfast/holdfast.toml\n"
        "  holdfast doctor --view redis://127.0.0.1:6379/0 --payment http://127.0.0.1:9090\n\n"
        "It takes the settings of holdfast serve, and may run beside it. Exit codes: 0 all is well,\n"
        "warnings included; 1 something is not; 2 settings refused.\n",
    .prefix = "",
    .setting_names = serve_setting_names,
};

}  // namespace holdfast
