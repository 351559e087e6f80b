#include "conformance/simulated_rig.h"

#include <fmt/format.h>

#include <algorithm>

#include "conformance/broker_conf.h"
#include "conformance/scripted_plugin.h"
#include "support/allows_everything.h"

namespace vmq::conformance {

SimulatedRig::SimulatedRig(const broker::BrokerOptions& options, bool kept) {
    if (kept) {
        broker_ = std::make_unique<testing::SimulatedBroker>(options.shards, records_,
                                                             options.max_retained_messages);
    } else {
        broker_ = std::make_unique<testing::SimulatedBroker>(options.shards, nullptr,
                                                             options.max_retained_messages);
    }
    for (const broker::ListenerOptions& each : options.listeners) {
        broker::Listener& listener = broker_->listener(each.name);
        listener.max_connections = each.max_connections;
        listener.policy = each.policy;
        listener.settings.set(std::make_shared<const session::Settings>(each.settings));
    }
    if (options.expire_retain_cache > Seconds(0)) {
        broker_->shards().front()->sweep_retained_every(options.expire_retain_cache);
    }
}

Result<std::unique_ptr<SimulatedRig>> SimulatedRig::make(std::uint32_t shards, const Case& script,
                                                         bool kept) {
    const auto options = options_of(conf_text(script, shards));
    if (!options) return options.error();
    std::unique_ptr<SimulatedRig> rig(new SimulatedRig(options.value(), kept));
    if (auto added = rig->add_plugins(script.hooks); !added) return added.error();
    return rig;
}

Result<void> SimulatedRig::add_plugins(const std::vector<HookRule>& rules) {
    for (const auto& shard : broker_->shards()) {
        if (!rules.empty()) {
            auto plugin = ScriptedPlugin::make(rules);
            if (!plugin) return plugin.error();
            shard->chain().add(std::move(plugin.value()));
            shard->chain().add(std::make_unique<testing::AllowsEverything>());
        }
    }
    if (rules.empty()) return {};
    for (const auto& listener : broker_->listeners()) {
        session::Settings settings = *listener->settings.get();
        settings.allow_anonymous = false;
        listener->settings.set(std::make_shared<const session::Settings>(settings));
    }
    return {};
}

Result<int> SimulatedRig::connect(std::string_view name) {
    const auto& listeners = broker_->listeners();
    const auto listener = std::find_if(listeners.begin(), listeners.end(),
                                       [name](const auto& each) { return each->name == name; });
    if (listener == listeners.end()) {
        return Error{ErrorCode::NotFound, fmt::format("no listener {}", name)};
    }
    return broker_->connect(**listener);
}

Result<void> SimulatedRig::settle(const Exchange& exchange) { return broker_->settle(exchange); }

void SimulatedRig::await(const Exchange& /*exchange*/, const std::function<bool()>& /*satisfied*/) {
}

void SimulatedRig::await_silence(const Exchange& /*exchange*/) {}

Result<void> SimulatedRig::advance(Millis time, const Exchange& exchange) {
    return broker_->advance(time, exchange);
}

Result<void> SimulatedRig::shut_down(const Exchange& exchange) {
    return broker_->shut_down(exchange);
}

}  // namespace vmq::conformance
