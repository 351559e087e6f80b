// LateMessages: sessions that have gone from this node, and whose messages may still come here.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/limits.h"
#include "broker/node_outbox.h"
#include "runtime/guarded.h"

namespace vmq::broker {

/// While a node does not reach this one it keeps messages for sessions that were here when it was
/// last heard. Such a session may have moved to a third node before they come: they are sent after
/// it.
///
/// Shared by all shards. Any thread; not kept on disk.
class LateMessages final {
public:
    using Nodes = std::vector<NodeNumber>;

    explicit LateMessages(std::size_t most_filters = kMostLateFilters);
    ~LateMessages();
    LateMessages(const LateMessages&) = delete;
    LateMessages& operator=(const LateMessages&) = delete;

    /// Whether there are any; the rest needs not be asked otherwise.
    [[nodiscard]] bool any() const noexcept { return count_.load(std::memory_order_relaxed) > 0; }
    [[nodiscard]] std::size_t count() const noexcept {
        return count_.load(std::memory_order_relaxed);
    }

    /// The session goes; messages that match `filters` (not of shared groups) may come from
    /// `from`. What is known of it already stays. Returns how many sessions are forgotten because
    /// there are too many filters, this one perhaps among them.
    std::size_t add(std::string_view mountpoint, std::string_view client_id,
                    const std::vector<std::string>& filters, const Nodes& from);
    /// Client ids whose session has gone and may want what `from` has sent.
    [[nodiscard]] std::vector<std::string> sessions(NodeNumber from, std::string_view mountpoint,
                                                    std::string_view topic) const;
    [[nodiscard]] bool expects(NodeNumber from, std::string_view mountpoint,
                               std::string_view client_id) const;

    struct Moment {
        std::uint64_t last = 0;  // that was added
        std::uint64_t refused = 0;
    };
    [[nodiscard]] Moment moment() const;
    /// Something that came was not taken and comes again.
    void note_refused() noexcept { refused_.fetch_add(1, std::memory_order_relaxed); }
    /// What nodes had sent by then has arrived, but of `absent`: for the sessions that were there
    /// nothing is expected from others any more, unless something was refused meanwhile.
    void arrived(const Moment& moment, const Nodes& absent);

private:
    class Table;

    std::atomic<std::size_t> count_{0};
    std::atomic<std::uint64_t> refused_{0};
    const std::unique_ptr<runtime::Guarded<Table>> table_;
};

}  // namespace vmq::broker
