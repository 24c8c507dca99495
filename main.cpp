// Hands over to the command that the first arguments name; each has a composition root of its own.
#include "command.hpp"
#include "configuration.hpp"
#include "doctor.hpp"
#include "doctor_configuration.hpp"
#include "journal_commands.hpp"
#include "journal_configuration.hpp"
#include "manual.hpp"
#include "operator_commands.hpp"
#include "operator_configuration.hpp"
#include "process_control.hpp"
#include "reconcile.hpp"
#include "reconcile_configuration.hpp"
#include "sandbox.hpp"
#include "sandbox_configuration.hpp"
#include "serve.hpp"

int main(int argc, char** argv) {
  using namespace holdfast;
  constexpr struct {
    const command* about;
    int (*run)(int, const char* const*);
  } roots[] = {{&serve_command, serve},   {&sandbox_command, sandbox},       {&reconcile_command, reconcile},
               {&doctor_command, doctor}, {&completion_command, completion}, {&manual_command, manual}};

  forbid_core_dumps();
  keep_files_private();
  const auto chosen = choose_command(argc, argv);
  if (!chosen) return tell(chosen.error());
  for (const auto& each : roots) {
    if (each.about == *chosen) return each.run(argc, argv);
  }
  for (const auto* each : journal_commands()) {
    if (each == *chosen) return tend_journal(*each, argc, argv);
  }
  return operate(**chosen, argc, argv);
}
