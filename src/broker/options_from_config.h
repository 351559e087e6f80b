// From the configuration to what the broker is built of.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "broker/broker.h"
#include "config/config.h"

namespace vmq::broker {

struct ConfiguredBroker {
    BrokerOptions options;
    /// What is configured and not opened, one sentence each. Listeners whose protocol is not built
    /// yet are not among them: loading the configuration warns of them.
    std::vector<std::string> warnings;
};

/// What a listener of MQTT is opened with; nothing for other kinds. `warnings` as above.
[[nodiscard]] std::optional<ListenerOptions> listener_from_config(
    const config::MqttSettings& mqtt, const config::ListenerSettings& configured,
    std::vector<std::string>& warnings);

[[nodiscard]] routing::SharedPolicy shared_policy(const config::Config& config);

[[nodiscard]] ConfiguredBroker options_from_config(const config::Config& config);

/// What applies to the clients of `listener`.
[[nodiscard]] session::Settings session_settings(const config::MqttSettings& mqtt,
                                                 const config::ListenerSettings& listener);

}  // namespace vmq::broker
