// Telling systemd how the service is doing (Type=notify), without its library.
#pragma once

#include <string_view>

namespace vmq::launcher {

/// Sends `state`, such as READY=1, to $NOTIFY_SOCKET; does nothing without one.
void notify_systemd(std::string_view state);

}  // namespace vmq::launcher
