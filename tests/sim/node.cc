#include "sim/node.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/assert.h"
#include "sim/narrator.h"

namespace vmq::sim {
namespace {

constexpr store::WallMillis kWallStart = 1'700'000'000'000;
/// Turns in which nothing moved before the node is at rest: mail of one loop to another takes one.
constexpr int kQuietRounds = 2;
constexpr int kMostRounds = 100'000;

std::shared_ptr<const cluster::CookieKey> cookie_key() {
    static const auto key = [] {
        auto made = cluster::CookieKey::derive("a cookie of simulated nodes");
        VMQ_ASSERT(made);
        return std::make_shared<const cluster::CookieKey>(std::move(made).value());
    }();
    return key;
}

session::Settings settings_of_clients() {
    session::Settings settings;
    settings.allow_anonymous = true;
    settings.max_online_messages = -1;
    settings.max_offline_messages = -1;
    return settings;
}

}  // namespace

Node::Node(World& world, Network& network, std::size_t index, NodeOptions options)
    : world_(world),
      network_(network),
      index_(index),
      options_(std::move(options)),
      disk_(world, index),
      listener_(std::make_unique<broker::Listener>("default", broker::ListenerKind::Mqtt)) {
    listener_->settings.set(std::make_shared<const session::Settings>(settings_of_clients()));
}

Node::~Node() {
    if (up()) crash();
}

void Node::start() {
    VMQ_ASSERT(!up());
    world_.note("start", index_, ++boots_);
    steady_offset_ = world_.between(0, 1'000'000);
    broker::BrokerOptions options;
    options.shards = options_.shards;
    options.during_netsplit = options_.permissions;
    options.ready = false;
    options.log_connections = false;
    broker::Surroundings& from = options.surroundings;
    from.threads = false;
    from.entropy = [this] { return world_.random.next(); };
    from.steady_now = [this] { return world_.now + steady_offset_; };
    from.wall_now = [this] { return kWallStart + (world_.now.time_since_epoch() + skew_).count(); };
    from.cookie_key = cookie_key();
    from.open_socket = [this](const boost::asio::ip::tcp::endpoint& to) {
        return network_.open(index_, to.address().to_string());
    };
    from.open_disk = [this](broker::Surroundings::Post post) {
        return disk_.open(options_.shards, std::move(post), [this] { touch(); });
    };
    broker_ = std::make_unique<broker::Broker>(std::move(options));
    broker_->shards().front()->shared().default_settings =
        std::make_shared<const session::Settings>(settings_of_clients());
    broker::ClusterOptions cluster;
    cluster.node = name_of(index_);
    broker::ClusterListener listener;
    listener.where.port = kPort;
    cluster.listeners.push_back(std::move(listener));
    cluster.outgoing_bytes = options_.outgoing_bytes;
    cluster.links = options_.links;
    cluster.netsplit_policy = options_.policy;
    service_ = std::make_unique<broker::ClusterService>(*broker_, std::move(cluster));
    broker_->before_listening([this] { return service_->prepare(); });
    VMQ_ASSERT(broker_->start());
    service_->start();
    network_.host(index_) = {
        [this](int fd, transport::PeerAddress peer) { service_->accept(fd, std::move(peer)); },
        [this] { touch(); }};
    touch();
}

void Node::crash() {
    network_.host(index_) = {};
    network_.kill(index_);
    disk_.crash();
    service_.reset();
    broker_.reset();
    paused_ = false;
    touched_ = false;
    wake_at_ = kNever;
}

void Node::set_paused(bool paused) {
    if (!up() || paused_ == paused) return;
    world_.note(paused ? "pause" : "go on", index_);
    paused_ = paused;
    touched_ = true;
}

void Node::settle() {
    const TimePoint now = world_.now + steady_offset_;
    touched_ = false;
    Narrator::hear(world_, index_);
    int quiet = 0;
    for (int round = 0; quiet < kQuietRounds; ++round) {
        VMQ_ASSERT(round < kMostRounds);
        bool busy = false;
        for (const auto& shard : broker_->shards()) {
            busy = shard->has_mail() || busy;
            busy = shard->loop().step(*shard, now) || busy;
        }
        busy = service_->turn(now) || busy;
        quiet = busy ? 0 : quiet + 1;
    }
    TimePoint wake = service_->loop().take_wake();
    for (const auto& shard : broker_->shards()) wake = std::min(wake, shard->loop().take_wake());
    // What is due at this very moment comes in the next one.
    wake_at_ = wake == kNever ? kNever : std::max(wake - steady_offset_, world_.now + Millis(1));
}

int Node::connect() {
    std::array<int, 2> pair{};
    VMQ_ASSERT(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()) ==
               0);
    broker::Shard& shard = *broker_->shards()[next_shard_++ % broker_->shards().size()];
    shard.on_accept(*listener_, pair[1], {"127.0.0.1", 40'000});
    touch();
    return pair[0];
}

void Node::join(const Node& other, std::function<void(Result<void>)> done) {
    service_->begin_to_join(name_of(other.index_),
                            {Network::address_of(other.index_), kPort, false}, std::move(done));
    touch();
}

bool Node::complete(std::size_t nodes) const {
    const auto all = service_->nodes();
    return all.size() == nodes && broker_->shared().readiness.ready() &&
           std::ranges::all_of(all, [](const broker::ClusterNode& each) {
               return each.self || (each.running && each.links == each.links_wanted);
           });
}

}  // namespace vmq::sim
