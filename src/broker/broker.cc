#include "broker/broker.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <random>
#include <utility>

#include "base/log.h"
#include "broker/limits.h"
#include "hooks/anonymous.h"
#include "store/memory_store.h"

namespace vmq::broker {
namespace {

std::uint32_t choose_shards(std::uint32_t wanted) {
    const std::uint32_t count = wanted != 0 ? wanted : runtime::core_count();
    return std::clamp(count, 1U, kMaxShards);
}

std::uint64_t entropy() {
    std::random_device device;
    return std::uint64_t{device()} << 32U | device();
}

}  // namespace

Broker::Broker(BrokerOptions options)
    : options_(std::move(options)),
      shared_(choose_shards(options_.shards), entropy(), options_.max_retained_messages) {
    shared_.client_seed = entropy();
    shared_.store = std::make_unique<store::MemoryStore>();
    for (ShardId id = 0; id < shared_.shards; ++id) {
        shards_.push_back(std::make_unique<Shard>(id, shared_, entropy()));
        shards_.back()->chain().add(std::make_unique<hooks::Anonymous>());
        shared_.peers.push_back(shards_.back().get());
    }
}

Broker::~Broker() { stop(); }

Result<void> Broker::start() {
    std::vector<std::vector<int>> descriptors;
    for (ListenerOptions& options : options_.listeners) {
        auto opened = transport::open_tcp_listeners(options.tcp, shared_.shards);
        if (!opened) {
            return Error{opened.error().code,
                         "listener.tcp." + options.name + ": " + opened.error().detail};
        }
        descriptors.push_back(std::move(opened.value()));
        auto listener = std::make_unique<Listener>();
        listener->name = options.name;
        listener->address = options.tcp.address;
        listener->port = options.tcp.port;
        listener->max_connections = options.max_connections;
        listener->policy = options.policy;
        listener->settings = std::make_shared<const session::Settings>(options.settings);
        listeners_.push_back(std::move(listener));
    }
    for (std::size_t i = 0; i < listeners_.size(); ++i) {
        for (ShardId id = 0; id < shared_.shards; ++id) {
            shards_[id]->listen(*listeners_[i], descriptors[i][id]);
        }
    }
    shards_.front()->sweep_retained_every(options_.expire_retain_cache > Seconds(0)
                                              ? options_.expire_retain_cache
                                              : kRetainedSweepInterval);
    for (const auto& shard : shards_) {
        threads_.push_back(std::make_unique<runtime::LoopThread>(shard->loop(), *shard));
    }
    accepting_.store(true);
    return {};
}

void Broker::stop(Millis patience) {
    if (threads_.empty()) return;
    accepting_.store(false);
    for (const auto& shard : shards_) {
        boost::asio::post(shard->loop().io(), [&shard = *shard, patience] {
            shard.shut_down(steady_now() + patience);
        });
    }
    threads_.clear();  // joins
}

}  // namespace vmq::broker
