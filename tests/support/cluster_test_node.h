// Whole nodes in this process: brokers with their cluster services on loopback.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "broker/cluster_service.h"
#include "support/blocking_peer.h"

namespace vmq::testing {

struct ClusterTestLimits {
    std::size_t max_retained = 0;
    std::uint32_t longest_frame = 64U << 20U;
    broker::SharedFacts::Tell on_shared_facts = {};
    broker::ClusterQuestions::Serve serve_question = {};
};

/// One node. Stops as the program does. `store`: where it keeps what it has to keep; empty:
/// nowhere.
class ClusterTestNode final {
public:
    ClusterTestNode(const std::string& name, std::uint16_t port = 0,
                    const std::string& cookie = "secret", const std::string& store = {},
                    const ClusterTestLimits& limits = {})
        : broker(broker_options(store, limits)) {
        broker::ClusterOptions options;
        options.node = name + "@127.0.0.1";
        options.cookie = cookie;
        broker::ClusterListener listener;
        listener.where.address = "127.0.0.1";
        listener.where.port = port;
        options.listeners.push_back(std::move(listener));
        options.longest_frame = limits.longest_frame;
        options.on_shared_facts = limits.on_shared_facts;
        options.serve_question = limits.serve_question;
        options.links.heartbeat_interval = Millis(100);
        options.filters_known_timeout = Millis(10'000);
        options.netsplit_policy = config::NetsplitPolicy::None;
        service = std::make_unique<broker::ClusterService>(broker, std::move(options));
        broker.before_listening([this] { return started = service->prepare(); });
        if (broker.start()) service->start();
    }
    ~ClusterTestNode() {
        service->stop_accepting();
        broker.stop(Millis(500));
        service.reset();
    }
    ClusterTestNode(const ClusterTestNode&) = delete;
    ClusterTestNode& operator=(const ClusterTestNode&) = delete;

    [[nodiscard]] cluster::NodeAddress address() const {
        return {"127.0.0.1", service->listeners().front().where.port, false};
    }
    Result<void> join(const ClusterTestNode& other, const std::string& name) {
        return service->join(name + "@127.0.0.1", other.address());
    }
    /// "a+ b- ": a runs, b does not.
    [[nodiscard]] std::string nodes() const {
        std::string text;
        for (const auto& each : service->nodes()) {
            text += each.name.substr(0, each.name.find('@')) + (each.running ? "+ " : "- ");
        }
        return text;
    }
    [[nodiscard]] std::uint16_t port() const { return broker.listeners().all().front()->port; }

    [[nodiscard]] static broker::BrokerOptions broker_options(const std::string& store,
                                                              const ClusterTestLimits& limits) {
        broker::BrokerOptions options = on_port(0);
        options.store.directory = store;
        options.max_retained_messages = limits.max_retained;
        return options;
    }

    broker::Broker broker;
    std::unique_ptr<broker::ClusterService> service;
    Result<void> started;
};

/// Nodes that keep what they know: RocksDB as it is packaged looks like races to ThreadSanitizer.
#ifdef __SANITIZE_THREAD__
#define VMQ_NEEDS_STORE() GTEST_SKIP() << "the store cannot be used under ThreadSanitizer"
#else
#define VMQ_NEEDS_STORE() (void)0
#endif

/// Waits, but not for ever.
inline bool comes_true(const std::function<bool()>& what, Millis patience = kPatience) {
    const TimePoint end = steady_now() + patience;
    while (!what()) {
        if (steady_now() > end) return false;
        std::this_thread::sleep_for(Millis(5));
    }
    return true;
}

}  // namespace vmq::testing
