// Ledger: what clients have sent, what they were promised, and what has come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "sim/calm.h"
#include "sim/world.h"

namespace vmq::sim {

/// Works from the clients' side only. Finds what breaks the promises of
/// docs/operating/clustering.md and calls it by the number that spec/cluster.md E6 gives the
/// checker.
class Ledger final {
public:
    Ledger(World& world, const Calm& calm) : world_(world), calm_(calm) {}

    /// A session that lasts, by what its client knows of it.
    struct Subscriber {
        std::string filter;
        int qos = 0;
        std::optional<std::size_t> home;  // the node that has it; nothing: nobody is sure
        TimePoint home_since{};
        std::uint64_t home_number = 0;              // of homes it has had
        std::optional<TimePoint> subscribed_since;  // SUBACK
        bool maybe_double = false;  // it was begun where not all nodes could be asked
    };
    std::size_t add_subscriber(std::string filter, int qos);
    [[nodiscard]] Subscriber& subscriber(std::size_t number) { return subscribers_[number]; }

    /// The number of a message that goes out on this connection. `exactly_once`: nothing about its
    /// publisher makes two of it.
    std::size_t sent(std::size_t publisher, std::uint64_t connection, std::string topic, int qos,
                     std::size_t node);
    /// It was sent again by a session that has been resumed.
    void sent_again(std::size_t message, bool maybe_double);
    /// PUBACK or PUBREC without an error.
    void acknowledged(std::size_t message);
    void received(std::size_t subscriber, std::size_t message, int qos, bool dup);
    /// A node has died: QoS 1 and 2 may come twice.
    void crashed() noexcept { crashes_ = true; }

    /// Everything that should have come has had the time for it.
    void check_all();
    void fail(int checker, std::string what);
    /// The same for what README.md lists as known to be weak.
    void fail_as_known(int checker, std::string what);
    [[nodiscard]] const std::vector<std::string>& failures() const noexcept { return failures_; }
    [[nodiscard]] const std::vector<std::string>& known() const noexcept { return known_; }

    [[nodiscard]] std::size_t messages() const noexcept { return messages_.size(); }
    [[nodiscard]] std::size_t deliveries() const noexcept { return deliveries_; }
    [[nodiscard]] std::size_t promises() const noexcept { return promises_; }

    [[nodiscard]] static bool matches(std::string_view filter, std::string_view topic);

private:
    struct Promise {
        std::size_t subscriber;
        std::uint64_t home_number;
        bool by_home;  // the publisher's node knew where the session was
    };
    struct Message {
        std::size_t publisher;
        std::uint64_t connection;
        std::string topic;
        int qos;
        TimePoint sent_at;
        bool all_calm;
        bool acknowledged = false;
        bool sent_again = false;
        bool maybe_double = false;
        std::vector<Promise> promises = {};
        std::vector<std::size_t> owed = {};             // subscribers who have to get it
        std::map<std::size_t, unsigned> received = {};  // times, by subscriber
    };
    using Lane = std::tuple<std::size_t, std::uint64_t, std::string, int>;

    [[nodiscard]] std::string line(int checker, const std::string& what) const;
    [[nodiscard]] bool exactly_once(const Message& message, std::size_t subscriber, int qos) const;

    World& world_;
    const Calm& calm_;
    std::vector<Subscriber> subscribers_;
    std::vector<Message> messages_;
    /// The latest that came first, by subscriber, connection of the publisher, topic and QoS.
    std::map<Lane, std::size_t> latest_;
    std::vector<std::string> failures_;
    std::vector<std::string> known_;
    std::size_t deliveries_ = 0;
    std::size_t promises_ = 0;
    bool crashes_ = false;
};

}  // namespace vmq::sim
