#include "conformance/simulated_rig.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "conformance/scripted_plugin.h"
#include "conformance/simulated_settings.h"
#include "hooks/anonymous.h"
#include "store/memory_store.h"

namespace vmq::conformance {
namespace {

/// Rounds in which nothing moved before the broker counts as at rest: longer than any chain of
/// turns that shows nothing outside (mail is seen, a turn asked for with run_again() is not).
constexpr int kQuietRounds = 6;
constexpr int kMostRounds = 100'000;
constexpr std::uint64_t kSeed = 20'260'101;

}  // namespace

SimulatedRig::SimulatedRig(std::uint32_t shards)
    : now_(Millis(1'000'000)), shared_(shards, kSeed, 0) {
    shared_.store = std::make_unique<store::MemoryStore>();
    for (ShardId id = 0; id < shards; ++id) {
        shards_.push_back(std::make_unique<broker::Shard>(id, shared_, kSeed + id, now_));
        shared_.peers.push_back(shards_.back().get());
    }
}

SimulatedRig::~SimulatedRig() {
    // Descriptors on their way between shards are closed by whoever takes them.
    (void)settle([] { return false; });
}

Result<std::unique_ptr<SimulatedRig>> SimulatedRig::make(std::uint32_t shards,
                                                         const Case& script) {
    std::unique_ptr<SimulatedRig> rig(new SimulatedRig(shards));
    if (auto done = rig->configure(script); !done) return done.error();
    return rig;
}

Result<void> SimulatedRig::configure(const Case& script) {
    for (const auto& shard : shards_) {
        if (!script.hooks.empty()) {
            auto plugin = ScriptedPlugin::make(script.hooks);
            if (!plugin) return plugin.error();
            shard->chain().add(std::move(plugin.value()));
        }
        shard->chain().add(std::make_unique<hooks::Anonymous>());
    }
    auto policy = session::ListenerPolicy{};
    policy.allow_anonymous = true;
    session::Settings settings;
    for (const Setting& setting : script.settings) {
        if (!setting.listener.empty()) continue;
        auto done = apply_setting(setting.key, setting.value, settings, policy);
        if (!done) return done;
    }
    listener("default");
    for (const Setting& setting : script.settings) {
        if (!setting.listener.empty()) listener(setting.listener);
    }
    for (const auto& each : listeners_) {
        each->policy = policy;
        each->settings = std::make_shared<const session::Settings>(settings);
    }
    for (const Setting& setting : script.settings) {
        if (setting.listener.empty()) continue;
        auto done = apply_listener_option(setting.key, setting.value, listener(setting.listener));
        if (!done) return done;
    }
    return {};
}

broker::Listener& SimulatedRig::listener(const std::string& name) {
    for (const auto& each : listeners_) {
        if (each->name == name) return *each;
    }
    listeners_.push_back(std::make_unique<broker::Listener>());
    listeners_.back()->name = name;
    return *listeners_.back();
}

Result<int> SimulatedRig::connect(std::string_view name) {
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()) != 0) {
        return Error{ErrorCode::SystemError, "socketpair failed"};
    }
    broker::Shard& shard = *shards_[next_shard_];
    next_shard_ = (next_shard_ + 1) % shards_.size();
    shard.on_accept(listener(std::string(name)), pair[1], {"127.0.0.1", 40'000});
    return pair[0];
}

Result<void> SimulatedRig::settle(const Exchange& exchange) {
    int quiet = 0;
    for (int round = 0; quiet < kQuietRounds; ++round) {
        if (round == kMostRounds) {
            return Error{ErrorCode::Unavailable, "the broker does not come to rest"};
        }
        bool busy = false;
        for (const auto& shard : shards_) {
            busy = busy || shard->has_mail();
            shard->loop().step(*shard, now_);
        }
        busy = exchange() || busy;
        quiet = busy ? 0 : quiet + 1;
    }
    return {};
}

void SimulatedRig::await(const Exchange& /*exchange*/,
                         const std::function<bool()>& /*satisfied*/) {}

void SimulatedRig::await_silence(const Exchange& /*exchange*/) {}

Result<void> SimulatedRig::advance(Millis time, const Exchange& exchange) {
    const TimePoint end = now_ + time;
    while (now_ < end) {
        TimePoint next = end;
        for (const auto& shard : shards_) next = std::min(next, shard->loop().timers().next_wake());
        now_ = std::max(next, now_ + Millis(1));
        if (auto settled = settle(exchange); !settled) return settled;
    }
    return {};
}

Result<void> SimulatedRig::shut_down(const Exchange& exchange) {
    for (const auto& shard : shards_) shard->shut_down(now_ + Seconds(5));
    return settle(exchange);
}

}  // namespace vmq::conformance
