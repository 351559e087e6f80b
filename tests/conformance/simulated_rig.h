// A script against the broker's shards in this thread, on simulated time.
#pragma once

#include <memory>

#include "broker/broker.h"
#include "conformance/rig.h"
#include "support/simulated_broker.h"

namespace vmq::conformance {

class SimulatedRig final : public Rig {
public:
    /// Fails on a setting or hook that there is not.
    /// `kept`: with a store that keeps messages, so that queues leave them to it.
    [[nodiscard]] static Result<std::unique_ptr<SimulatedRig>> make(std::uint32_t shards,
                                                                    const Case& script, bool kept);

    [[nodiscard]] Result<int> connect(std::string_view listener) override;
    Result<void> settle(const Exchange& exchange) override;
    void await(const Exchange& exchange, const std::function<bool()>& satisfied) override;
    void await_silence(const Exchange& exchange) override;
    Result<void> advance(Millis time, const Exchange& exchange) override;
    Result<void> shut_down(const Exchange& exchange) override;

private:
    SimulatedRig(const broker::BrokerOptions& options, bool kept);
    Result<void> add_plugins(const std::vector<HookRule>& rules);

    testing::KeptRecords records_;
    std::unique_ptr<testing::SimulatedBroker> broker_;
};

}  // namespace vmq::conformance
