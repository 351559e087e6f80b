// Topic aliases of one MQTT 5 connection, in both directions [v5 3.3.2.3.4].
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vmq::session {

/// Made only for connections that use aliases. Both tables are bounded by the announced maxima.
class TopicAliases final {
public:
    /// Aliases the client set. Requires 1 <= alias.
    void set_received(std::uint16_t alias, std::string_view topic) {
        if (received_.size() < alias) received_.resize(alias);
        received_[alias - 1U].assign(topic);
    }
    /// Empty: never set on this connection.
    [[nodiscard]] std::string_view received(std::uint16_t alias) const noexcept {
        return alias <= received_.size() ? std::string_view(received_[alias - 1U])
                                         : std::string_view();
    }

    /// Alias under which the client knows `topic`, 0 if none.
    [[nodiscard]] std::uint16_t sent(std::string_view topic) const {
        const auto found = sent_.find(std::string(topic));
        return found == sent_.end() ? std::uint16_t{0} : found->second;
    }
    /// The next free alias up to `maximum`, 0 if all are taken: they are never reassigned.
    [[nodiscard]] std::uint16_t next_free(std::uint16_t maximum) const noexcept {
        return sent_.size() < maximum ? static_cast<std::uint16_t>(sent_.size() + 1)
                                      : std::uint16_t{0};
    }
    /// The topic of an alias that the client was told; empty: none. Looks at all of them.
    [[nodiscard]] std::string_view sent_topic(std::uint16_t alias) const noexcept {
        for (const auto& [topic, number] : sent_) {
            if (number == alias) return topic;
        }
        return {};
    }
    void set_sent(std::string_view topic, std::uint16_t alias) { sent_.emplace(topic, alias); }

private:
    std::vector<std::string> received_;
    boost::unordered_flat_map<std::string, std::uint16_t> sent_;
};

}  // namespace vmq::session
