// What is done to the nodes of a simulation, and what is looked at all the time.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "broker/client.h"
#include "sim/simulation.h"

namespace vmq::sim {

bool Simulation::weather_has(Weather kind) const {
    return plan_.weather == kind || plan_.weather == Weather::Everything;
}

std::size_t Simulation::nodes_well() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        nodes_, [](const auto& node) { return node->up() && !node->paused(); }));
}

void Simulation::disturb() {
    if (!bad_weather_) return;
    constexpr std::array kKinds{Weather::Resets,  Weather::Splits, Weather::OneWay,
                                Weather::Crashes, Weather::Pauses, Weather::Clocks};
    const Weather kind = kKinds[world_.random.below(kKinds.size())];
    if (world_.chance(4)) change_network();
    if (weather_has(kind)) {
        switch (kind) {
            case Weather::Resets:
                reset_some();
                break;
            case Weather::Splits:
                split();
                break;
            case Weather::OneWay:
                cut_one_way();
                break;
            case Weather::Crashes:
                crash_one();
                break;
            case Weather::Pauses:
                pause_one();
                break;
            default:
                turn_clock();
                break;
        }
    }
    const bool rare = plan_.weather != Weather::Everything;
    world_.after(world_.between(0, rare ? 600 : 2'000), [this] { disturb(); });
}

void Simulation::change_network() {
    constexpr std::array<std::array<int, 2>, 4> kDelays{{{0, 1}, {1, 5}, {5, 60}, {50, 300}}};
    const auto& delay = kDelays[world_.random.below(kDelays.size())];
    network_.set_delay(Millis(delay[0]), Millis(delay[1]));
    for (const auto& node : nodes_)
        node->disk().set_slowness(world_.between(0, 1) * 150 + Millis(2));
}

void Simulation::cut(std::size_t from, std::size_t to, Millis time) {
    if (network_.is_cut(from, to)) return;
    calm_.begin(from, to);
    network_.set_cut(from, to, true);
    world_.after(time, [this, from, to] {
        network_.set_cut(from, to, false);
        calm_.end(from, to);
        // Both may reach each other for less than the time between two looks.
        alone_since_[from] = alone_since_[to] = kNever;
    });
}

void Simulation::split() {
    // One side is the first `size` of a random order.
    std::vector<std::size_t> order(nodes_.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    for (std::size_t i = order.size(); i > 1; --i) {
        std::swap(order[i - 1], order[world_.random.below(static_cast<std::uint32_t>(i))]);
    }
    const std::size_t size = 1 + world_.random.below(static_cast<std::uint32_t>(nodes_.size() - 1));
    const Millis time = world_.between(100, 9'000);
    for (std::size_t i = 0; i < size; ++i) {
        for (std::size_t j = size; j < order.size(); ++j) {
            cut(order[i], order[j], time);
            cut(order[j], order[i], time);
        }
    }
}

void Simulation::cut_one_way() {
    const std::size_t from = any_node();
    const std::size_t to = any_node();
    if (from != to) cut(from, to, world_.between(100, 6'000));
}

void Simulation::reset_some() {
    const std::size_t one = any_node();
    const std::size_t other = any_node();
    if (one == other) return;
    calm_.begin(one, other);
    network_.reset(one, other, 1 + world_.random.below(3));
    calm_.end(one, other);
}

void Simulation::crash_one() {
    const std::size_t node = any_node();
    if (!nodes_[node]->up() || nodes_[node]->paused() || nodes_well() < 2) return;
    calm_.begin(node);
    calm_.forgets(node);
    ledger_.crashed();
    nodes_[node]->crash();
    for (const auto& client : clients_) (void)client->carry(node);
    world_.after(world_.between(10, 6'000), [this, node] {
        nodes_[node]->start();
        calm_.end(node);
    });
}

void Simulation::pause_one() {
    const std::size_t node = any_node();
    if (!nodes_[node]->up() || nodes_[node]->paused() || nodes_well() < 2) return;
    calm_.begin(node);
    nodes_[node]->set_paused(true);
    world_.after(world_.between(50, 7'000), [this, node] {
        nodes_[node]->set_paused(false);
        calm_.end(node);
    });
}

// Clocks do not disturb the links, but what was written last may lose.
void Simulation::turn_clock() {
    const std::size_t node = any_node();
    world_.note("clock", node);
    nodes_[node]->set_skew(world_.between(0, 40'000) - Millis(20'000));
}

void Simulation::end_of_weather() {
    bad_weather_ = false;
    network_.set_delay(Millis(1), Millis(5));
    for (const auto& node : nodes_) node->disk().set_slowness(Millis(3));
    // What was begun ends by itself.
    (void)run_until([this] { return calm_.now(); }, Seconds(30));
}

// --- Looks ---

void Simulation::probe() {
    check_budget();
    check_owners(false);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        bool alone = true;
        for (std::size_t other = 0; other < nodes_.size(); ++other) {
            if (other == i) continue;
            const bool cut = network_.is_cut(i, other) && network_.is_cut(other, i);
            if (!cut && nodes_[other]->up() && !nodes_[other]->paused()) alone = false;
        }
        if (!nodes_[i]->up() || nodes_[i]->paused()) alone = false;
        if (!alone) {
            alone_since_[i] = kNever;
        } else if (alone_since_[i] == kNever) {
            alone_since_[i] = world_.now;
        }
    }
    world_.after(Millis(100), [this] { probe(); });
}

void Simulation::check_budget() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        if (!nodes_[i]->up()) continue;
        for (const auto& shard : nodes_[i]->broker().shards()) {
            for (std::uint32_t number = 1; number <= nodes_.size(); ++number) {
                const auto* outbox = shard->find_node(broker::NodeNumber{number});
                if (outbox == nullptr) continue;
                // One message more than the share may be there.
                const std::size_t most = plan_.options.outgoing_bytes / plan_.options.shards + 1024;
                if (outbox->stream.bytes() <= most) continue;
                ledger_.fail(8, fmt::format("node {} keeps {} bytes for {}", i + 1,
                                            outbox->stream.bytes(), outbox->name));
            }
        }
    }
}

void Simulation::check_owners(bool strict) {
    for (const auto& client : clients_) {
        std::map<cluster::Epoch, std::size_t> online;  // by epoch
        std::size_t count = 0;
        std::size_t sessions = 0;
        for (std::size_t i = 0; i < nodes_.size(); ++i) {
            if (!nodes_[i]->up()) continue;
            const auto& shards = nodes_[i]->broker().shards();
            broker::Client* found =
                shards[shards.front()->home_of("", client->id())]->find_client("", client->id());
            if (found == nullptr) continue;
            ++sessions;
            if (!found->online()) continue;
            ++count;
            const auto [at, first] = online.emplace(found->epoch, i);
            // Nodes that do not reach each other may choose the same one; names decide then.
            const bool apart = !calm_.all_for(Calm::kSettled);
            if (!first && !apart) {
                ledger_.fail(3, fmt::format("{} is at nodes {} and {} in the same epoch",
                                            client->id(), at->second + 1, i + 1));
            }
        }
        const bool no_excuse = strict || calm_.all_for(Calm::kSettled);
        if (count > 1 && no_excuse) {
            ledger_.fail(3, fmt::format("{} is at {} nodes", client->id(), count));
        }
        if (strict && sessions > 1) {
            ledger_.fail_as_known(
                3, fmt::format("{} has sessions at {} nodes", client->id(), sessions));
        }
    }
}

std::vector<std::string> Simulation::retained_on(std::size_t node) {
    auto& shared = nodes_[node]->broker().shards().front()->shared();
    std::vector<std::string> all;
    for (std::size_t i = 0; i < 4; ++i) {
        const std::string topic = fmt::format("r/{}", i);
        if (const auto message = shared.retained.find(shared.shards, "", topic)) {
            all.push_back(fmt::format("{}={}", topic, message->payload()));
        }
    }
    return all;
}

void Simulation::check_retained(std::string_view when) {
    const auto first = retained_on(0);
    for (std::size_t i = 1; i < nodes_.size(); ++i) {
        const auto other = retained_on(i);
        if (other == first) continue;
        ledger_.fail(5, fmt::format("{}: node 1 retains {}, node {} {}", when,
                                    fmt::join(first, " "), i + 1, fmt::join(other, " ")));
    }
}

}  // namespace vmq::sim
