#include "sim/ledger.h"

#include <fmt/format.h>

#include <algorithm>

namespace vmq::sim {
namespace {

/// More of the same is of no help.
constexpr std::size_t kMostFailures = 20;
/// What a SUBACK waits for has happened long before this.
constexpr Millis kKnown{1'000};
/// For so long a session may be on its way to where its client is.
constexpr Millis kMove{5'000};

std::string_view word_of(std::string_view& rest) {
    const std::size_t end = rest.find('/');
    const std::string_view word = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    return word;
}

}  // namespace

bool Ledger::matches(std::string_view filter, std::string_view topic) {
    while (!filter.empty() && !topic.empty()) {
        const std::string_view wanted = word_of(filter);
        const std::string_view word = word_of(topic);
        if (wanted == "#") return true;
        if (wanted != "+" && wanted != word) return false;
    }
    return filter.empty() == topic.empty();
}

std::size_t Ledger::add_subscriber(std::string filter, int qos) {
    Subscriber& made = subscribers_.emplace_back();
    made.filter = std::move(filter);
    made.qos = qos;
    return subscribers_.size() - 1;
}

std::size_t Ledger::sent(std::size_t publisher, std::uint64_t connection, std::string topic,
                         int qos, std::size_t node) {
    Message message{publisher, connection, std::move(topic),
                    qos,       world_.now, calm_.all_for(Calm::kSettled)};
    for (std::size_t i = 0; qos > 0 && i < subscribers_.size(); ++i) {
        const Subscriber& each = subscribers_[i];
        if (each.qos == 0 || !each.subscribed_since) continue;
        if (!matches(each.filter, message.topic)) continue;
        const bool by_home =
            each.home &&
            (*each.home == node || calm_.knows_as_of(node, *each.home) >
                                       std::max(each.home_since, *each.subscribed_since) + kKnown);
        if (by_home || message.all_calm) {
            message.promises.push_back({i, each.home_number, by_home});
        }
    }
    messages_.push_back(std::move(message));
    return messages_.size() - 1;
}

void Ledger::sent_again(std::size_t message, bool maybe_double) {
    messages_[message].sent_again = true;
    if (maybe_double) messages_[message].maybe_double = true;
}

void Ledger::acknowledged(std::size_t number) {
    Message& message = messages_[number];
    if (message.acknowledged) return;
    message.acknowledged = true;
    // Sent again it has come to another node perhaps, which knows something else.
    const bool calm_all_along =
        message.all_calm && calm_.all_for(world_.now - message.sent_at + Calm::kSettled);
    for (const Promise& promise : message.promises) {
        const Subscriber& of = subscribers_[promise.subscriber];
        const bool stayed = promise.by_home && !message.sent_again && of.home &&
                            of.home_number == promise.home_number;
        if (!stayed && !calm_all_along) continue;
        message.owed.push_back(promise.subscriber);
        ++promises_;
    }
}

bool Ledger::exactly_once(const Message& message, std::size_t subscriber, int qos) const {
    return qos == 2 && !crashes_ && !message.maybe_double && !subscribers_[subscriber].maybe_double;
}

void Ledger::received(std::size_t subscriber, std::size_t number, int qos, bool dup) {
    ++deliveries_;
    world_.note("received", subscriber, number);
    if (number >= messages_.size()) {
        return fail(1, fmt::format("subscriber {} got a message that nobody sent", subscriber));
    }
    Message& message = messages_[number];
    const unsigned before = message.received[subscriber]++;
    if (before > 0) {
        if (exactly_once(message, subscriber, qos)) {
            fail(6, fmt::format("subscriber {} got message {} ({}, sent at {} with QoS 2) {} times",
                                subscriber, number, message.topic,
                                message.sent_at.time_since_epoch().count(), before + 1));
        }
        return;
    }
    // Those that come again are older than what came meanwhile.
    if (message.sent_again || dup || subscribers_[subscriber].maybe_double) return;
    std::size_t& latest =
        latest_.try_emplace({subscriber, message.connection, message.topic, qos}, number)
            .first->second;
    if (latest > number) {
        const bool moves = world_.now - subscribers_[subscriber].home_since < kMove;
        std::string what = fmt::format("subscriber {} got message {} ({}) behind message {}",
                                       subscriber, number, message.topic, latest);
        moves ? fail_as_known(2, std::move(what)) : fail(2, std::move(what));
    }
    latest = std::max(latest, number);
}

void Ledger::check_all() {
    for (std::size_t number = 0; number < messages_.size(); ++number) {
        const Message& message = messages_[number];
        for (const std::size_t subscriber : message.owed) {
            if (message.received.contains(subscriber)) continue;
            const int checker = message.all_calm ? 4 : 1;
            std::string what = fmt::format(
                "subscriber {} never got message {} ({}, QoS {}, sent at {}), which "
                "was acknowledged",
                subscriber, number, message.topic, message.qos,
                message.sent_at.time_since_epoch().count());
            const bool exactly_once = message.qos == 2 && subscribers_[subscriber].qos == 2;
            const bool known =
                subscribers_[subscriber].maybe_double && (exactly_once || !message.all_calm);
            known ? fail_as_known(checker, std::move(what)) : fail(checker, std::move(what));
        }
    }
}

void Ledger::fail(int checker, std::string what) {
    world_.note("failure", static_cast<std::uint64_t>(checker));
    if (failures_.size() >= kMostFailures) return;
    failures_.push_back(line(checker, what));
}

void Ledger::fail_as_known(int checker, std::string what) {
    world_.note("known", static_cast<std::uint64_t>(checker));
    if (known_.size() < kMostFailures) known_.push_back(line(checker, what));
}

std::string Ledger::line(int checker, const std::string& what) const {
    return fmt::format("({}) at {}: {}", checker, world_.now.time_since_epoch().count(), what);
}

}  // namespace vmq::sim
