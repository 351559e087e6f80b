// The settings that scripts use, applied to what the broker's composition would build from them.
#pragma once

#include <string>

#include "base/result.h"
#include "broker/listener.h"
#include "session/settings.h"

namespace vmq::conformance {

/// A key of vernemq.conf that every listener's sessions get.
[[nodiscard]] Result<void> apply_setting(const std::string& key, const std::string& value,
                                         session::Settings& settings,
                                         session::ListenerPolicy& policy);

/// OPT of listener.tcp.NAME.OPT.
[[nodiscard]] Result<void> apply_listener_option(const std::string& key, const std::string& value,
                                                 broker::Listener& listener);

}  // namespace vmq::conformance
