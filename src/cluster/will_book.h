// Wills that nodes know of each other, so that one of them can publish them when their node is
// gone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cluster/frame_codec.h"
#include "cluster/will_codec.h"

namespace vmq::cluster {

/// The wills of this node's clients, numbered in the order in which they came, and what each other
/// node has still to be told of them. Owned and used by the cluster's thread.
class OwnWills final {
public:
    using Peer = std::uint32_t;

    /// `number` is greater than 0 and used once.
    void add(std::uint64_t number, LastWill will);
    void remove(std::uint64_t number);
    [[nodiscard]] const std::map<std::uint64_t, LastWill>& all() const noexcept { return wills_; }
    [[nodiscard]] std::size_t size() const noexcept { return wills_.size(); }

    /// It knows nothing, and is told everything. `done_s`: see WillsHead.
    void begin(Peer peer, std::optional<std::uint32_t> done_s);
    void end(Peer peer) { peers_.erase(peer); }
    /// Something is to be told.
    [[nodiscard]] bool has_more(Peer peer) const;
    /// Appends a frame of at most about `bytes`, a longer will alone. Requires has_more(). A will
    /// whose frame would be longer than `longest` is left out.
    void write(Peer peer, std::size_t bytes, std::size_t longest, std::string& out);

private:
    struct Telling {
        bool begins = true;
        std::optional<std::uint32_t> done_s;
        std::set<std::uint64_t> due;  // numbers
    };

    std::map<std::uint64_t, LastWill> wills_;
    std::map<Peer, Telling> peers_;
};

/// What stands in front of a Wills frame.
struct WillsHead {
    bool begins = false;  // what was known before is forgotten
    /// Wills of an earlier process of the receiver have been published by others: those whose delay
    /// is at most this.
    std::optional<std::uint32_t> done_s;
};

/// The wills of one other node's process, as it has told them. Owned and used by the cluster's
/// thread.
class KnownWills final {
public:
    /// Reads a frame. `room`: bytes that may be added to what there is; what has no room is counted
    /// as refused.
    /// False: it cannot be read.
    [[nodiscard]] bool read(std::string_view body, std::size_t room, WillsHead& head);

    /// Its client has connected elsewhere, or its session goes on there.
    void forget(const ClientKey& key);
    /// Those up to this number and delay have been published.
    void forget_done(std::uint64_t through, std::uint32_t delay_s);
    void clear();
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::size_t size() const noexcept { return wills_.size(); }
    [[nodiscard]] std::uint64_t refused() const noexcept { return refused_; }
    /// The greatest number that it has heard of.
    [[nodiscard]] std::uint64_t through() const noexcept { return through_; }
    /// The shortest delay there is.
    [[nodiscard]] std::optional<std::uint32_t> shortest_delay() const;
    /// The longest one that is at most `most`. Requires that there is one.
    [[nodiscard]] std::uint32_t longest_delay(std::uint32_t most) const;
    /// Takes those out whose delay is at most `delay_s`.
    [[nodiscard]] std::vector<LastWill> take(std::uint32_t delay_s);

private:
    void erase(std::uint64_t number);

    std::map<std::uint64_t, LastWill> wills_;
    std::unordered_multimap<std::string, std::uint64_t> by_client_;
    std::map<std::uint32_t, std::size_t> delays_;  // and how many have them
    std::size_t bytes_ = 0;
    std::uint64_t refused_ = 0;
    std::uint64_t through_ = 0;
};

}  // namespace vmq::cluster
