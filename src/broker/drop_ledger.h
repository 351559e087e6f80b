// DropLedger: what was not delivered, why, to whom and on which topics, since the process started.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/top_counts.h"

namespace vmq::broker {

enum class Undelivered : std::uint8_t {
    QueueFull,
    Expired,
    TooLarge,       // for the client's Maximum Packet Size
    ClientOffline,  // QoS 0 for a client that is away
    SessionEnded,   // waited for a client whose session is over
    NoSubscriber,   // counted with the publisher, like the rest
    NotAuthorized,
    StorageFull,
    NodeUnreachable,  // too much waits for another node
    TooLargeForNode,  // for the frames that another node takes
    Netsplit,         // members of the cluster are away
};
inline constexpr std::size_t kUndeliveredReasons = 11;

/// As VerneMQ's words are written: "queue_full".
[[nodiscard]] std::string_view name_of(Undelivered reason) noexcept;

/// What a ledger knows, in memory of its own.
struct DropPicture {
    struct Client {
        std::string mountpoint;
        std::string client_id;
        Undelivered reason;
        std::uint64_t messages = 0;
        std::uint64_t excess = 0;  // at most so many of them are others'
    };
    struct Topic {
        std::string prefix;
        Undelivered reason;
        std::uint64_t messages = 0;
        std::uint64_t excess = 0;
    };

    std::array<std::uint64_t, kUndeliveredReasons> totals{};
    std::vector<Client> clients;  // those with the most messages of each reason
    std::vector<Topic> topics;

    /// Adds what another shard knows.
    void merge(DropPicture other);
};

/// Totals are exact; clients and topic prefixes are those that occur most often, whose memory is
/// bounded whatever clients do. Owned by a shard, used on its thread.
class DropLedger final {
public:
    /// Clients and topic prefixes that are counted per reason.
    static constexpr std::size_t kCounted = 64;
    /// A topic is counted by so many of its levels, and names by so many bytes.
    static constexpr std::size_t kPrefixLevels = 2;
    static constexpr std::size_t kMaxKeyBytes = 256;

    /// `client_id` and `topic` may be empty: not known.
    void add(Undelivered reason, std::string_view mountpoint, std::string_view client_id,
             std::string_view topic, std::uint64_t messages = 1);

    [[nodiscard]] DropPicture picture() const;

private:
    struct Reason {
        std::uint64_t total = 0;
        TopCounts clients{kCounted};
        TopCounts topics{kCounted};
    };

    std::array<Reason, kUndeliveredReasons> reasons_;
    std::string key_;  // reused
};

}  // namespace vmq::broker
