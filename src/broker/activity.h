// Activity: who publishes and receives how much, counted while somebody watches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/top_counts.h"

namespace vmq::broker {

/// What was counted in some stretch of time.
struct ActivityPicture {
    struct Client {
        std::string mountpoint;
        std::string client_id;
        std::uint64_t messages_in = 0;  // it published
        std::uint64_t messages_out = 0;
        std::uint64_t bytes_in = 0;  // of topics and payloads
        std::uint64_t bytes_out = 0;
    };
    struct Topic {
        std::string topic;
        std::uint64_t messages = 0;  // published
        std::uint64_t bytes = 0;
    };
    std::vector<Client> clients;
    std::vector<Topic> topics;

    /// Adds what another shard has counted: a client is on one shard only, a topic on any.
    void merge(ActivityPicture other);
};

/// The clients and topics with the most messages, in bounded memory whatever clients do. A number
/// may be too small for one that was not among them all the time, never too large.
///
/// Owned by a shard, used on its thread. Reads no clock.
class Activity final {
public:
    static constexpr std::size_t kCounted = 128;
    /// A longer topic is counted with all that begin alike.
    static constexpr std::size_t kMaxTopicBytes = 256;

    void received(std::string_view mountpoint, std::string_view client_id, std::string_view topic,
                  std::size_t payload);
    void sent(std::string_view mountpoint, std::string_view client_id, std::string_view topic,
              std::size_t payload);
    /// Since the last time.
    [[nodiscard]] ActivityPicture take();

private:
    struct Numbers {
        std::uint64_t messages_in = 0;
        std::uint64_t messages_out = 0;
        std::uint64_t bytes_in = 0;
        std::uint64_t bytes_out = 0;
    };
    [[nodiscard]] Numbers& of_client(std::string_view mountpoint, std::string_view client_id);
    [[nodiscard]] static Numbers& at(std::vector<Numbers>& numbers, TopCounts::Added added);

    TopCounts clients_{kCounted};
    TopCounts topics_{kCounted};
    std::vector<Numbers> client_numbers_;  // by place in clients_
    std::vector<Numbers> topic_numbers_;
    std::string key_;  // reused
};

}  // namespace vmq::broker
