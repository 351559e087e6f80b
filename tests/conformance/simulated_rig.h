// The broker's shards in this thread, on simulated time; sockets are pairs.
#pragma once

#include <memory>

#include "broker/broker.h"
#include "conformance/rig.h"

namespace vmq::conformance {

/// Connections are accepted by the shards in turn, so that with two of them clients move to their
/// home shard as they do in production.
class SimulatedRig final : public Rig {
public:
    /// Fails on a setting or hook that there is not.
    [[nodiscard]] static Result<std::unique_ptr<SimulatedRig>> make(std::uint32_t shards,
                                                                    const Case& script);
    ~SimulatedRig() override;
    SimulatedRig(const SimulatedRig&) = delete;
    SimulatedRig& operator=(const SimulatedRig&) = delete;

    [[nodiscard]] Result<int> connect(std::string_view listener) override;
    Result<void> settle(const Exchange& exchange) override;
    void await(const Exchange& exchange, const std::function<bool()>& satisfied) override;
    void await_silence(const Exchange& exchange) override;
    Result<void> advance(Millis time, const Exchange& exchange) override;
    Result<void> shut_down(const Exchange& exchange) override;

private:
    explicit SimulatedRig(const broker::BrokerOptions& options);
    Result<void> add_plugins(const std::vector<HookRule>& rules);

    TimePoint now_;
    broker::SharedState shared_;
    std::vector<std::unique_ptr<broker::Listener>> listeners_;
    std::vector<std::unique_ptr<broker::Shard>> shards_;
    std::size_t next_shard_ = 0;
};

}  // namespace vmq::conformance
