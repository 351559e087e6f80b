// Replication: keeps the FactMap of this node and those of the other members the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "cluster/fact_codec.h"
#include "cluster/fact_map.h"
#include "cluster/fact_sender.h"
#include "cluster/frame_codec.h"
#include "cluster/membership.h"

namespace vmq::cluster {

/// The state machine at this end of all control links, as far as they carry facts.
///
/// When a link comes up, both tell their positions. A node then asks one peer after the other for
/// what it lacks, so that the same is not sent by all of them at once; from each that has sent
/// everything it goes on to hear what changes. Every `vector_interval` the positions are told
/// again, and whoever finds that a peer lacks what it was believed to have begins anew.
///
/// A node that is behind the horizon of a peer (see FactMap) listens to it before it speaks to it.
///
/// **Store, then send.** What turn() gives has to be stored in one piece before its frames leave:
/// an acknowledgement lets others forget, and the next stamp must not be one that somebody has
/// seen. The frames have to arrive in order, or the link has to end.
///
/// Owned by the cluster's thread, outlived by the FactMap and the Membership. No I/O and no clock:
/// turn() is called after events and at least once per `tick_interval`.
class Replication final {
public:
    struct Options {
        FactSender::Limits sender;
        Millis tick_interval{1000};
        Millis vector_interval{10'000};
        Millis stall_limit{5000};                     // without progress another peer is asked
        Millis wait_for_members{24LL * 3600 * 1000};  // see FactMap::promises_own()
        std::size_t budget = 50'000;  // facts looked at per tick, for what has expired or goes
        std::uint64_t seed = 0;       // random, another one for each start
    };

    Replication(FactMap& facts, const Membership& members, Options options);
    Replication(const Replication&) = delete;
    Replication& operator=(const Replication&) = delete;

    /// A control link to a member is there; one at a time. `longest_frame`: that the peer takes;
    /// what is longer it is not sent. An error: the link cannot be used for facts.
    [[nodiscard]] Result<void> on_link_up(const Writer& peer, std::uint32_t longest_frame);
    void on_link_down(const Writer& peer);
    /// Frames of the types below. An error: the peer does not keep to the protocol, the link ends.
    [[nodiscard]] Result<void> receive(const Writer& peer, const Frame& frame, Moment now);
    [[nodiscard]] static bool takes(FrameType type) noexcept {
        return type == FrameType::Facts || type == FrameType::FactVector ||
               type == FrameType::FactAck;
    }

    struct Output {
        std::vector<FactChange> changes;
        bool positions_changed = false;
        struct Send {
            Writer peer;
            std::string frames;  // one or more, complete
        };
        std::vector<Send> sends;

        [[nodiscard]] bool empty() const noexcept {
            return changes.empty() && !positions_changed && sends.empty();
        }
    };
    [[nodiscard]] Output turn(Moment now);

    struct PeerState {
        bool linked = false;
        bool in_sync_from = false;  // it has sent everything it has
        bool in_sync_to = false;    // it has everything that is here
    };
    [[nodiscard]] PeerState state_of(const Writer& peer);

    /// Facts that a peer was not sent because its frames are too short for them.
    struct LeftOut {
        Writer peer;
        std::uint32_t longest_frame = 0;  // that it takes
        std::uint64_t count = 0;          // so far
        const Fact* last = nullptr;       // valid until the map changes; null: it is gone
    };
    /// Of each peer for which there are more than when this was last called.
    [[nodiscard]] std::vector<LeftOut> take_left_out();
    /// Since this was made, to all peers.
    struct Sent {
        std::uint64_t facts = 0;
        std::uint64_t left_out = 0;
    };
    [[nodiscard]] Sent sent() const;

    struct Counters {
        std::uint64_t facts_received = 0;
        std::uint64_t frames_ignored = 0;  // of streams that are over
        std::uint64_t catch_ups = 0;       // begun from behind a horizon
        std::uint64_t stalls = 0;
        std::uint64_t vector_mismatches = 0;  // found by the regular exchange
    };
    [[nodiscard]] const Counters& counters() const noexcept { return counters_; }

private:
    /// What comes from a peer.
    struct Incoming {
        enum class State : std::uint8_t { Idle, Filling, Following };
        State state = State::Idle;
        std::uint64_t stream = 0;  // with Idle: one that may be taken up again
        std::uint64_t number = 0;  // the last frame
        bool from_behind = false;
        bool catch_up = false;  // the FactMap is noting what the peer knows
        bool ack_due = false;
        TimePoint progress{};
        TimePoint not_before{};
    };
    struct Peer {
        explicit Peer(const FactMap& facts, FactSender::Limits limits) : sender(facts, limits) {}
        bool linked = false;
        bool introduced = false;  // its positions of this link are here
        FactSender sender;
        Positions dropped;  // its horizon
        Positions told;     // our positions, as it was told
        Incoming incoming;
        std::string out;
        std::uint32_t longest_frame = 0;  // that it takes
        std::uint64_t told_left_out = 0;  // of its sender, by take_left_out()
    };
    using Peers = std::map<WriterNumber, Peer>;

    [[nodiscard]] Peer* find(const Writer& peer);
    [[nodiscard]] Result<void> on_facts(Peer& peer, std::string_view body, Moment now);
    [[nodiscard]] Result<void> begin_frame(Peer& peer, const FactsHeader& header);
    [[nodiscard]] Result<void> read_items(Peer& peer, FactsReader& reader, Moment now);
    void on_complete(Peer& peer, const Positions& complete, const Positions& dropped, Moment now);
    [[nodiscard]] Result<void> on_vector(Peer& peer, std::string_view body, Moment now);
    [[nodiscard]] Result<void> on_ack(Peer& peer, std::string_view body);

    void tick(Moment now);
    [[nodiscard]] bool may_promise_own(TimePoint now);
    void drop_deleted(Moment now);
    void forget_strangers();
    void adopt_orphans(Moment now);
    void tell_horizon();
    void note_changes();
    void choose(Moment now);
    void check_incoming(Peer& peer, TimePoint now, bool others_wait);
    [[nodiscard]] bool may_ask(const Peer& peer, TimePoint now) const;
    void ask(Peer& peer, Moment now);
    void stop_incoming(Peer& peer);
    void send_vector(Peer& peer, bool request, std::uint64_t stopped = 0);
    void send_news(Peer& peer);
    [[nodiscard]] bool is_behind(const Peer& peer) const {
        return !peer.sender.has().covers(facts_.dropped());
    }
    [[nodiscard]] bool am_behind(const Peer& peer) const {
        return !facts_.complete().covers(peer.dropped);
    }

    FactMap& facts_;
    const Membership& members_;
    const Options options_;
    Random random_;
    Peers peers_;
    std::map<WriterNumber, TimePoint> orphaned_;  // gone, with facts nobody can promise
    Positions told_dropped_;                      // the own horizon, as all peers know it
    std::size_t noted_ = 0;                       // changes that the senders know of
    std::optional<TimePoint> waits_since_;        // nothing own is promised
    std::uint64_t own_heard_ = 0;                 // by the last one: FactMap::Counters::own
    TimePoint next_tick_{};
    TimePoint next_vectors_{};
    Counters counters_;
    Sent gone_;  // to peers that are no more
};

}  // namespace vmq::cluster
