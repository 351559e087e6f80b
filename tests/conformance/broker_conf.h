// The settings of a case as vernemq.conf, and what the broker makes of them.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "broker/broker.h"
#include "conformance/script.h"

namespace vmq::conformance {

/// A whole vernemq.conf: the listener `default`, open to all, those that the case names, and its
/// settings. The system chooses the ports.
[[nodiscard]] std::string conf_text(const Case& played, std::uint32_t shards);

/// What a broker with this configuration is built of. Fails as the broker would.
[[nodiscard]] Result<broker::BrokerOptions> options_of(const std::string& conf);

}  // namespace vmq::conformance
