#include "broker/drop_ledger.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace vmq::broker {
namespace {

/// Up to the end of its second level.
std::string_view prefix_of(std::string_view topic) noexcept {
    std::size_t end = 0;
    for (std::size_t level = 0; level < DropLedger::kPrefixLevels; ++level) {
        end = topic.find('/', level == 0 ? 0 : end + 1);
        if (end == std::string_view::npos) break;
    }
    return topic.substr(0, std::min(end, DropLedger::kMaxKeyBytes));
}

}  // namespace

std::string_view name_of(Undelivered reason) noexcept {
    static constexpr std::array<std::string_view, kUndeliveredReasons> kNames{
        "queue_full",    "expired",        "too_large",    "client_offline",   "session_ended",
        "no_subscriber", "not_authorized", "storage_full", "node_unreachable", "too_large_for_node",
        "netsplit"};
    return kNames[static_cast<std::size_t>(reason)];
}

void DropLedger::add(Undelivered reason, std::string_view mountpoint, std::string_view client_id,
                     std::string_view topic, std::uint64_t messages) {
    if (messages == 0) return;
    Reason& counted = reasons_[static_cast<std::size_t>(reason)];
    counted.total += messages;
    if (!client_id.empty()) {
        key_.assign(mountpoint.substr(0, kMaxKeyBytes));
        key_ += '\0';  // in neither of them
        key_ += client_id.substr(0, kMaxKeyBytes);
        counted.clients.add(key_, messages);
    }
    if (!topic.empty()) counted.topics.add(prefix_of(topic), messages);
}

DropPicture DropLedger::picture() const {
    DropPicture picture;
    for (std::size_t i = 0; i < reasons_.size(); ++i) {
        const auto reason = static_cast<Undelivered>(i);
        picture.totals[i] = reasons_[i].total;
        for (const TopCounts::Entry& each : reasons_[i].clients.entries()) {
            const std::size_t end = each.key.find('\0');
            picture.clients.push_back({each.key.substr(0, end), each.key.substr(end + 1), reason,
                                       each.count, each.excess});
        }
        for (const TopCounts::Entry& each : reasons_[i].topics.entries()) {
            picture.topics.push_back({each.key, reason, each.count, each.excess});
        }
    }
    return picture;
}

void DropPicture::merge(DropPicture other) {
    for (std::size_t i = 0; i < totals.size(); ++i) totals[i] += other.totals[i];
    // A client may have dropped on several shards: as the publisher and as the receiver.
    const auto add = [](auto& own, auto& others, auto key_of) {
        std::map<decltype(key_of(own.front())), std::size_t> places;
        for (std::size_t i = 0; i < own.size(); ++i) places.emplace(key_of(own[i]), i);
        for (auto& each : others) {
            const auto known = places.find(key_of(each));
            if (known == places.end()) {
                own.push_back(std::move(each));
            } else {
                own[known->second].messages += each.messages;
                own[known->second].excess += each.excess;
            }
        }
    };
    add(clients, other.clients, [](const Client& client) {
        return std::tuple(client.mountpoint, client.client_id, client.reason);
    });
    add(topics, other.topics,
        [](const Topic& topic) { return std::pair(topic.prefix, topic.reason); });
}

}  // namespace vmq::broker
