#include "sim/simulation.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/assert.h"
#include "sim/chance.h"

namespace vmq::sim {
namespace {

constexpr Millis kWeatherTime{15'000};
constexpr Millis kQuietTime{6'000};
/// Nobody may be without a connection for longer once the weather is good (E6, checker 7).
constexpr Millis kMostToConnect{5'000};
constexpr Millis kMostToAgree{5'000};
constexpr std::size_t kPublishers = 3;
constexpr std::size_t kSubscribers = 5;
constexpr std::size_t kRetainedTopics = 4;

}  // namespace

std::string_view name_of(Weather weather) noexcept {
    constexpr std::array<std::string_view, kWeathers> kNames{
        "quiet", "resets", "splits", "one-way", "crashes", "pauses", "clocks", "everything"};
    return kNames[static_cast<std::size_t>(weather)];
}

Simulation::Plan Simulation::choose(std::uint64_t seed, Random& random) {
    Plan plan;
    plan.weather = static_cast<Weather>(seed % kWeathers);
    plan.nodes = random.below(4) == 0 ? 5 : 3;
    plan.options.shards = 1 + random.below(2);
    plan.options.links.heartbeat_interval = Millis(1000);
    constexpr std::array kPolicies{config::NetsplitPolicy::None, config::NetsplitPolicy::None,
                                   config::NetsplitPolicy::Quorum, config::NetsplitPolicy::All};
    plan.options.policy = kPolicies[random.below(kPolicies.size())];
    if (random.below(3) == 0) {
        plan.options.permissions = {random.below(2) == 0, random.below(2) == 0,
                                    random.below(2) == 0, true};
    }
    if (random.below(4) == 0) plan.options.outgoing_bytes = 16'384;
    return plan;
}

Simulation::Simulation(std::uint64_t seed)
    : world_(seed),
      plan_(choose(seed, world_.random)),
      network_(world_, plan_.nodes),
      calm_(world_, plan_.nodes),
      ledger_(world_, calm_),
      alone_since_(plan_.nodes, kNever),
      isolations_(plan_.nodes, 0),
      began_(world_.now) {
    use_for_openssl(&world_.random);
    for (std::size_t i = 0; i < plan_.nodes; ++i) {
        nodes_.push_back(std::make_unique<Node>(world_, network_, i, plan_.options));
    }
}

Simulation::~Simulation() {
    use_for_openssl(nullptr);
    clients_.clear();
    nodes_.clear();
}

Outcome Simulation::run() {
    form_cluster();
    make_clients();
    run_for(Millis(2'000));
    bad_weather_ = moving_ = true;
    if (plan_.weather != Weather::Quiet)
        world_.after(world_.between(0, 1'000), [this] { disturb(); });
    run_for(plan_.weather == Weather::Quiet ? kQuietTime : kWeatherTime);
    end_of_weather();
    check_connects();
    await_retained();
    check_retained("after the weather");
    check_delivery();
    check_deleted_stays_deleted();
    check_nothing_is_left();
    Outcome outcome;
    outcome.hash = world_.digest.value();
    outcome.plan = fmt::format(
        "{}, {} nodes, {} shards, policy {}, register {:d} publish {:d} subscribe {:d}, {} bytes",
        name_of(plan_.weather), plan_.nodes, plan_.options.shards,
        static_cast<int>(plan_.options.policy), plan_.options.permissions.register_clients,
        plan_.options.permissions.publish, plan_.options.permissions.subscribe,
        plan_.options.outgoing_bytes);
    outcome.failures = ledger_.failures();
    outcome.known = ledger_.known();
    outcome.messages = ledger_.messages();
    outcome.deliveries = ledger_.deliveries();
    outcome.promises = ledger_.promises();
    outcome.slowest_connect = slowest_connect_;
    outcome.simulated = world_.now - began_;
    return outcome;
}

// --- Time ---

void Simulation::run_for(Millis time) {
    (void)run_until([] { return false; }, time);
}

bool Simulation::run_until(const std::function<bool()>& what, Millis most) {
    const TimePoint end = world_.now + most;
    while (!what()) {
        TimePoint next = world_.next_event();
        for (const auto& node : nodes_) next = std::min(next, node->wake_at());
        if (next > end) {
            world_.now = end;
            return what();
        }
        world_.now = std::max(world_.now, next);
        world_.run_events();
        turn_nodes();
    }
    return true;
}

void Simulation::turn_nodes() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        if (!nodes_[i]->due()) continue;
        nodes_[i]->settle();
        (void)network_.carry(i);
        for (const auto& client : clients_) (void)client->carry(i);
    }
}

// --- Beginning ---

void Simulation::form_cluster() {
    for (const auto& node : nodes_) node->start();
    for (std::size_t i = 1; i < nodes_.size(); ++i) {
        bool done = false;
        nodes_[i]->join(*nodes_[i - 1], [&](const Result<void>& joined) {
            if (!joined) ledger_.fail(0, "a node cannot join: " + joined.error().detail);
            done = true;
        });
        if (!run_until([&] { return done; }, Seconds(15))) ledger_.fail(0, "a join does not end");
    }
    const bool formed = run_until(
        [this] {
            return std::ranges::all_of(
                nodes_, [this](const auto& node) { return node->complete(nodes_.size()); });
        },
        Seconds(30));
    if (!formed) ledger_.fail(0, "the nodes do not come together");
}

void Simulation::make_clients() {
    constexpr std::array kFilters{"t/#", "t/+/0", "t/0/1", "t/1/#", "t/+/1"};
    for (std::size_t i = 0; i < kPublishers + kSubscribers; ++i) {
        Client::Options options;
        const bool publishes = i < kPublishers;
        options.id = fmt::format("{}{}", publishes ? "pub" : "sub", i);
        options.v5 = world_.chance(2);
        if (!publishes) {
            options.filter = kFilters[(i - kPublishers) % kFilters.size()];
            options.qos = 1 + static_cast<int>(world_.random.below(2));
        }
        clients_.push_back(std::make_unique<Client>(
            world_, ledger_, calm_, i, std::move(options),
            Client::Around{[this](Client& client, std::size_t node, PacketType type,
                                  std::uint8_t code) { on_answer(client, node, type, code); },
                           [this](std::size_t node) { nodes_[node]->touch(); }}));
        live(i);
        if (publishes) publish_often(i);
    }
    probe();
}

// --- Clients ---

std::size_t Simulation::any_node() {
    return world_.random.below(static_cast<std::uint32_t>(nodes_.size()));
}

void Simulation::connect_somewhere(Client& client) {
    const std::size_t node = any_node();
    if (nodes_[node]->up()) client.connect(*nodes_[node], node);
}

void Simulation::live(std::size_t number) {
    if (ending_) return;
    Client& client = *clients_[number];
    const bool publishes = number < kPublishers;
    Millis next = world_.between(200, 1'500);
    if (!client.connected()) {
        // One that waits for its CONNACK is patient now and then.
        if (!client.connecting() || world_.chance(3)) connect_somewhere(client);
    } else if (moving_ && world_.chance(publishes ? 6 : 2)) {
        switch (world_.random.below(4)) {
            case 0:
                client.disconnect(true);
                break;
            case 1:
                client.disconnect(false);
                break;
            default:
                connect_somewhere(client);
                break;
        }
        if (world_.chance(4)) next += world_.between(0, 4'000);
        if (world_.chance(5)) next = world_.between(0, 60);  // at once again
    }
    world_.after(next, [this, number] { live(number); });
}

void Simulation::publish_often(std::size_t number) {
    if (ending_) return;
    Client& client = *clients_[number];
    if (client.connected() && client.unacknowledged() < 50) {
        if (world_.chance(12)) {
            retain_something(client);
        } else {
            publish_some(client);
        }
    }
    const bool burst = world_.chance(2);
    world_.after(burst ? world_.between(0, 3) : world_.between(20, 250),
                 [this, number] { publish_often(number); });
}

void Simulation::publish_some(Client& client) {
    client.publish(fmt::format("t/{}/{}", client.number(), world_.random.below(2)),
                   static_cast<int>(world_.random.below(3)), false);
}

void Simulation::retain_something(Client& client) {
    client.publish(fmt::format("r/{}", world_.random.below(kRetainedTopics)), 1, true,
                   world_.chance(3));
}

void Simulation::on_answer(Client& client, std::size_t node, PacketType type, std::uint8_t code) {
    const NodeOptions& options = plan_.options;
    const bool v5 = client.v5();
    if (type == PacketType::Connack && code == 0) {
        // A node that has been alone for so long knows it.
        const bool must_refuse = options.policy != config::NetsplitPolicy::None &&
                                 !options.permissions.register_clients &&
                                 alone_since_[node] != kNever &&
                                 world_.now - alone_since_[node] > Seconds(6);
        if (must_refuse) {
            ledger_.fail(9, fmt::format("node {} is alone and lets {} in", node + 1, client.id()));
        }
        return;
    }
    bool right = false;
    switch (type) {
        case PacketType::Connack:
            right = code == (v5 ? 0x88 : 3);
            break;
        case PacketType::Puback:
            right = v5 && (code == 0x83 || code == 0x97);
            break;
        case PacketType::Pubrec:
            right = v5 && (code == 0x80 || code == 0x97);
            break;
        case PacketType::Suback:
            right = code == (v5 ? 0x87 : 0x80);
            break;
        default:
            break;
    }
    if (!right) {
        ledger_.fail(9, fmt::format("{} gets code {:#04x} in packet {}", client.id(), code,
                                    static_cast<int>(type)));
    }
    // Too much at once is refused in any weather.
    if (code != 0x97 && calm_.all_for(Calm::kSettled)) {
        ledger_.fail(9, fmt::format("{} is refused with {:#04x} (packet {}) by node {}, though all "
                                    "is well",
                                    client.id(), code, static_cast<int>(type), node + 1));
    }
}

// --- The end ---

void Simulation::check_connects() {
    const TimePoint well = world_.now;
    moving_ = false;
    ending_ = true;
    for (const auto& client : clients_) client->disconnect(false);
    std::vector<TimePoint> tried(clients_.size(), TimePoint::min());
    const bool all = run_until(
        [&] {
            bool there = true;
            for (std::size_t i = 0; i < clients_.size(); ++i) {
                Client& client = *clients_[i];
                if (client.connected() && (i < kPublishers || client.subscribed())) continue;
                there = false;
                const bool again = !client.connecting() && !client.connected();
                if (!again && world_.now < tried[i] + Seconds(3)) continue;
                if (world_.now < tried[i] + Millis(200)) continue;
                if (client.connected()) continue;  // SUBSCRIBE is on its way
                tried[i] = world_.now;
                client.disconnect(false);
                connect_somewhere(client);
                world_.after(Millis(200), [] {});
            }
            if (there) slowest_connect_ = std::max(slowest_connect_, world_.now - well);
            return there;
        },
        Seconds(20));
    if (all && slowest_connect_ > kMostToConnect && slowest_connect_ <= 2 * kMostToConnect) {
        ledger_.fail_as_known(7, fmt::format("not all clients were connected {} ms after all was "
                                             "well",
                                             slowest_connect_.count()));
    } else if (!all || slowest_connect_ > kMostToConnect) {
        for (const auto& client : clients_) {
            if (client->connected()) continue;
            ledger_.fail(7, fmt::format("{} cannot connect", client->id()));
        }
        ledger_.fail(7, fmt::format("not all clients were connected {} ms after all was well",
                                    all ? slowest_connect_.count() : 20'000));
    }
    const Millis left = well + kMostToAgree - world_.now;
    if (left > Millis(0)) run_for(left);
}

// An attempt that was given up may have been let in late, in the place of a later one.
void Simulation::connect_all() {
    const bool all = run_until(
        [this] {
            bool there = true;
            for (const auto& client : clients_) {
                if (client->connected()) continue;
                there = false;
                if (!client->connecting()) connect_somewhere(*client);
            }
            return there;
        },
        kMostToConnect);
    if (!all) ledger_.fail(7, "not all clients can connect though all is well");
    run_for(Millis(500));
}

// What a client has sent just now, when it came back, may be on its way.
void Simulation::await_retained() {
    TimePoint last{};
    for (const auto& client : clients_) last = std::max(last, client->retained_at());
    const auto equal = [this] {
        const auto first = retained_on(0);
        for (std::size_t i = 1; i < nodes_.size(); ++i) {
            if (retained_on(i) != first) return false;
        }
        return true;
    };
    const Millis left = last + kMostToAgree - world_.now;
    if (left > Millis::zero()) (void)run_until(equal, left);
}

void Simulation::check_delivery() {
    connect_all();
    // What is there goes out.
    const auto quiet = [this] {
        return std::ranges::all_of(clients_, [this](const auto& client) {
            return world_.now - client->last_message_at() > Seconds(2) &&
                   client->unacknowledged() == 0;
        });
    };
    run_for(Seconds(2));
    // MQTT 3 has no word for "not now": such a client sends again when it comes back.
    for (const auto& client : clients_) {
        if (client->v5() || client->unacknowledged() == 0 || !client->node()) continue;
        const std::size_t node = *client->node();
        client->disconnect(false);
        client->connect(*nodes_[node], node);
    }
    if (!run_until(quiet, Seconds(20))) {
        for (const auto& client : clients_) {
            if (client->unacknowledged() == 0) continue;
            ledger_.fail(1, fmt::format("{} waits for {} acknowledgements for ever", client->id(),
                                        client->unacknowledged()));
        }
    }
    connect_all();
    // Now that all is well, nothing is missing.
    for (std::size_t i = 0; i < kPublishers; ++i) {
        for (int qos = 1; qos <= 2; ++qos) {
            clients_[i]->publish(fmt::format("t/{}/0", i), qos, false);
            clients_[i]->publish(fmt::format("t/{}/1", i), qos, false);
        }
    }
    run_for(Seconds(3));
    if (!run_until(quiet, Seconds(10))) ledger_.fail(1, "publishers wait though all is well");
    ledger_.check_all();
    check_owners(true);
}

void Simulation::check_deleted_stays_deleted() {
    connect_all();
    Client& client = *clients_[0];
    client.publish("r/0", 1, true, true);
    client.publish("r/1", 1, true);
    const std::string last = fmt::format("r/1={}", client.last_published().value_or(0));
    run_for(kMostToAgree);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        const auto retained = retained_on(i);
        const auto begins = [&](std::string_view with) {
            return std::ranges::any_of(
                retained, [&](const std::string& each) { return each.starts_with(with); });
        };
        if (begins("r/0=")) ledger_.fail(5, fmt::format("node {} brings r/0 back", i + 1));
        if (!begins(last)) ledger_.fail(5, fmt::format("node {} does not have {}", i + 1, last));
    }
    check_retained("at the end");
}

void Simulation::check_nothing_is_left() {
    for (const auto& client : clients_) {
        const std::size_t node = any_node();
        client->connect_to_end(*nodes_[node], node);
    }
    run_for(Seconds(2));
    for (const auto& client : clients_) client->disconnect(true);
    run_for(Seconds(3));
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        const auto& records = nodes_[i]->disk().records();
        for (const auto& session : records.sessions()) {
            const store::SessionKey& key = session.record.key;
            // An outbox may be there, empty.
            if (key.mountpoint == store::kOutboxMountpoint && session.queue.count == 0) continue;
            ledger_.fail(8, fmt::format("node {} keeps the session of {} with {} messages", i + 1,
                                        key.client_id, session.queue.count));
        }
    }
}

}  // namespace vmq::sim
