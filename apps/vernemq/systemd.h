// Telling systemd how the service is doing (Type=notify, WatchdogSec=), without its library.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string_view>

#include "base/clock.h"

namespace vmq::launcher {

/// Sends `state`, such as READY=1, to $NOTIFY_SOCKET; does nothing without one. Any thread.
void notify_systemd(std::string_view state);

/// systemd ends the service if it hears nothing for this long; nothing: it does not watch. `parent`
/// is whoever started this process on its behalf: systemd may have meant that one.
[[nodiscard]] std::optional<Millis> systemd_watchdog(pid_t parent);

/// sd_watchdog_enabled(3): what $WATCHDOG_USEC and $WATCHDOG_PID, null if unset, mean to this
/// process.
[[nodiscard]] std::optional<Millis> watchdog_time(const char* usec, const char* pid, pid_t self,
                                                  pid_t parent);

/// What is sent when a reload begins; after it comes READY=1.
void notify_reloading();

}  // namespace vmq::launcher
