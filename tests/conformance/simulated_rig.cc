#include "conformance/simulated_rig.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "conformance/broker_conf.h"
#include "conformance/scripted_plugin.h"
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

SimulatedRig::SimulatedRig(const broker::BrokerOptions& options)
    : now_(Millis(1'000'000)), shared_(options.shards, kSeed, options.max_retained_messages) {
    shared_.store = std::make_unique<store::MemoryStore>();
    for (ShardId id = 0; id < options.shards; ++id) {
        shards_.push_back(std::make_unique<broker::Shard>(id, shared_, kSeed + id, now_));
        shared_.peers.push_back(shards_.back().get());
    }
    for (const broker::ListenerOptions& each : options.listeners) {
        auto listener = std::make_unique<broker::Listener>();
        listener->name = each.name;
        listener->max_connections = each.max_connections;
        listener->policy = each.policy;
        listener->settings = std::make_shared<const session::Settings>(each.settings);
        listeners_.push_back(std::move(listener));
    }
    if (options.expire_retain_cache > Seconds(0)) {
        shards_.front()->sweep_retained_every(options.expire_retain_cache);
    }
}

SimulatedRig::~SimulatedRig() {
    // Descriptors on their way between shards are closed by whoever takes them.
    (void)settle([] { return false; });
}

Result<std::unique_ptr<SimulatedRig>> SimulatedRig::make(std::uint32_t shards, const Case& script) {
    const auto options = options_of(conf_text(script, shards));
    if (!options) return options.error();
    std::unique_ptr<SimulatedRig> rig(new SimulatedRig(options.value()));
    if (auto added = rig->add_plugins(script.hooks); !added) return added.error();
    return rig;
}

Result<void> SimulatedRig::add_plugins(const std::vector<HookRule>& rules) {
    for (const auto& shard : shards_) {
        if (!rules.empty()) {
            auto plugin = ScriptedPlugin::make(rules);
            if (!plugin) return plugin.error();
            shard->chain().add(std::move(plugin.value()));
        }
        shard->chain().add(std::make_unique<hooks::Anonymous>());
    }
    return {};
}

Result<int> SimulatedRig::connect(std::string_view name) {
    const auto listener = std::find_if(listeners_.begin(), listeners_.end(),
                                       [name](const auto& each) { return each->name == name; });
    if (listener == listeners_.end()) {
        return Error{ErrorCode::NotFound, fmt::format("no listener {}", name)};
    }
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()) != 0) {
        return Error{ErrorCode::SystemError, "socketpair failed"};
    }
    broker::Shard& shard = *shards_[next_shard_];
    next_shard_ = (next_shard_ + 1) % shards_.size();
    shard.on_accept(**listener, pair[1], {"127.0.0.1", 40'000});
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

void SimulatedRig::await(const Exchange& /*exchange*/, const std::function<bool()>& /*satisfied*/) {
}

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
