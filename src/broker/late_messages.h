// LateMessages: sessions that have gone from this node, and whose messages may still come here.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
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
/// Shared by all shards. Any thread. Who changes it writes the records that are told of (see
/// LateRecord), so that it is the same after a restart.
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

    struct Session {
        std::string mountpoint;
        std::string client_id;
        std::vector<std::string> filters;  // not of shared groups
        Nodes from;
    };
    struct Change {
        /// Sessions that are forgotten because there are too many filters, this one perhaps among
        /// them.
        std::size_t forgotten = 0;
        std::optional<Session> put;       // is to be stored under the record's number
        std::vector<std::uint64_t> gone;  // records that are not needed any more
    };
    /// The session goes; messages that match its filters may come from `from`. What is known of it
    /// already stays. `record`: a number that no other has.
    [[nodiscard]] Change add(const Session& session, std::uint64_t record);
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
    /// nothing is expected from others any more, unless something was refused meanwhile. Returns
    /// records that are not needed any more.
    [[nodiscard]] std::vector<std::uint64_t> arrived(const Moment& moment, const Nodes& absent);

private:
    class Table;

    std::atomic<std::size_t> count_{0};
    std::atomic<std::uint64_t> refused_{0};
    const std::unique_ptr<runtime::Guarded<Table>> table_;
};

}  // namespace vmq::broker
