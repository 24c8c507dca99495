// Tells the service manager that started this process what it is at, by systemd's protocol (sd_notify(3)): a
// datagram to the socket that $NOTIFY_SOCKET names. Without that variable, and where nobody listens, nothing
// happens. Any thread.
#pragma once

#include <string_view>

namespace holdfast {

/// Such as "READY=1" or "STOPPING=1".
void tell_service_manager(std::string_view state);

}  // namespace holdfast
