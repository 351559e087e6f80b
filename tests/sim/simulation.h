// Simulation: one run of a whole cluster from one seed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/calm.h"
#include "sim/client.h"
#include "sim/ledger.h"
#include "sim/network.h"
#include "sim/node.h"
#include "sim/world.h"

namespace vmq::sim {

/// What is done to the cluster. The seed chooses one.
enum class Weather : std::uint8_t {
    Quiet,    // clients come, go and move
    Resets,   // connections between nodes end
    Splits,   // groups of nodes do not reach each other
    OneWay,   // one direction of a link is cut
    Crashes,  // nodes die and start again
    Pauses,   // nodes hang
    Clocks,   // wall clocks are wrong, and jump
    Everything,
};
inline constexpr std::size_t kWeathers = 8;
[[nodiscard]] std::string_view name_of(Weather weather) noexcept;

struct Outcome {
    std::uint64_t hash = 0;  // of everything that has happened
    std::string plan;        // what the seed has chosen, for people
    std::vector<std::string> failures;
    std::vector<std::string> known;  // failures of the kinds that README.md lists
    std::size_t messages = 0;
    std::size_t deliveries = 0;
    std::size_t promises = 0;   // deliveries that were due
    Millis slowest_connect{0};  // after the last disturbance
    Millis simulated{0};
};

/// Clients publish, subscribe and move about; the weather is bad for a while, then it ends; and
/// then everything has to be as it should.
class Simulation final {
public:
    explicit Simulation(std::uint64_t seed);
    ~Simulation();
    Simulation(const Simulation&) = delete;
    Simulation& operator=(const Simulation&) = delete;

    [[nodiscard]] Outcome run();

private:
    struct Plan {
        Weather weather{};
        std::size_t nodes = 3;
        NodeOptions options;
    };
    [[nodiscard]] static Plan choose(std::uint64_t seed, Random& random);

    // What happens.
    void run_for(Millis time);
    /// False: it has not come true.
    [[nodiscard]] bool run_until(const std::function<bool()>& what, Millis most);
    void turn_nodes();
    void form_cluster();
    void make_clients();

    // What clients do.
    void live(std::size_t client);
    void publish_often(std::size_t client);
    void publish_some(Client& client);
    void retain_something(Client& client);
    void connect_somewhere(Client& client);
    [[nodiscard]] std::size_t any_node();
    void on_answer(Client& client, std::size_t node, PacketType type, std::uint8_t code);

    // What is done to them.
    void disturb();
    void split();
    void cut_one_way();
    void reset_some();
    void crash_one();
    void pause_one();
    void turn_clock();
    void change_network();
    void cut(std::size_t from, std::size_t to, Millis time);
    [[nodiscard]] bool weather_has(Weather kind) const;
    [[nodiscard]] std::size_t nodes_well() const;
    void end_of_weather();

    // What has to be so.
    void probe();
    void check_budget();
    void check_owners(bool strict);
    void check_connects();
    void connect_all();
    void check_delivery();
    void await_retained();
    void check_retained(std::string_view when);
    void check_deleted_stays_deleted();
    void check_nothing_is_left();
    [[nodiscard]] std::vector<std::string> retained_on(std::size_t node);

    World world_;
    const Plan plan_;
    Network network_;
    Calm calm_;
    Ledger ledger_;
    std::vector<std::unique_ptr<Node>> nodes_;
    std::vector<std::unique_ptr<Client>> clients_;
    /// Since when a node reaches none of the others, in either direction; kNever: it does.
    std::vector<TimePoint> alone_since_;
    std::vector<int> isolations_;
    bool bad_weather_ = false;
    bool ending_ = false;
    bool moving_ = false;
    Millis slowest_connect_{0};
    const TimePoint began_;
};

}  // namespace vmq::sim
