// FactSender: the facts that one other node lacks, as a stream of portions to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "cluster/fact_map.h"
#include "cluster/positions.h"
#include "cluster/stamp.h"

namespace vmq::cluster {

class FactsWriter;

/// The sending half of Replication for one peer. Lives as long as the peer is a member, longer than
/// its links. Owned by Replication, used on its thread.
///
/// A stream begins when the peer asks for it. First everything goes out that the peer lacks, then,
/// as it happens, what this node writes. What others write they tell the peer themselves, so it is
/// passed on a moment later, and only if the peer still has not said that it has it.
///
/// A fact that is longer than the peer's frames is left out, and nothing of its writer from there
/// on is promised as long as it is there: the peer must not take it for deleted.
///
/// Whenever there is nothing left to send, the promises of the own FactMap go along: they hold for
/// the peer as well then. Never before: what replaced a fact may be in a part that is still to
/// come.
class FactSender final {
public:
    struct Limits {
        std::size_t portion_bytes = 64UL * 1024;  // a longer fact goes alone
        std::size_t most_under_way = 256UL * 1024;
        std::size_t most_late = 4096;
    };

    /// The map outlives the sender.
    FactSender(const FactMap& facts, Limits limits) : facts_(facts), limits_(limits) {}

    /// What the peer has said, or shown, to have: positions of its FactMap.
    [[nodiscard]] const Positions& has() const noexcept { return has_; }
    void set_has(Positions has) { has_ = std::move(has); }
    void raise_has(const Positions& has) { has_.raise(has); }

    /// The longest frame that the peer takes, from the next stream on.
    void set_longest_frame(std::uint32_t bytes) noexcept { longest_frame_ = bytes; }
    /// Facts that it was not sent for that, since ever, and the last one of them.
    [[nodiscard]] std::uint64_t left_out() const noexcept { return left_out_; }
    [[nodiscard]] const Stamp& last_left_out() const noexcept { return last_left_out_; }
    [[nodiscard]] std::uint64_t facts_sent() const noexcept { return facts_sent_; }

    /// The peer asks for what it lacks, after set_has(). `number` above 0: it has had the frames up
    /// to that one of this very stream. False: the stream cannot go on from there, it has to ask
    /// for another.
    [[nodiscard]] bool start(std::uint64_t stream, std::uint64_t number);
    /// The link is gone; the stream can be taken up again on the next one.
    void pause() noexcept { active_ = false; }
    /// Nothing more of this stream.
    void stop();
    [[nodiscard]] bool active() const noexcept { return active_; }
    /// A deletion was dropped here that the peer does not have, after it may have been sent what
    /// was deleted: the stream cannot go on.
    [[nodiscard]] bool is_outrun() const;
    [[nodiscard]] std::uint64_t stream() const noexcept { return stream_; }

    /// Of every fact that changed in the map, before the next fill().
    void note(const Stamp& stamp);
    /// Called regularly: what others wrote before the call before this one may go out.
    void pass_on();
    /// The peer lacks what it was believed to have: everything beyond has() goes out again.
    void send_again();
    /// Everything goes out, so that the promises can.
    void send_all() noexcept { mode_ = Mode::All; }
    /// Since when the peer has not been promised anything.
    [[nodiscard]] TimePoint promised_at() const noexcept { return promised_at_; }

    /// Appends frames as long as the peer keeps up.
    void fill(Moment now, std::string& out);
    /// False: nothing of the kind was sent.
    [[nodiscard]] bool acknowledge(std::uint64_t number);

    /// Nothing is under way, and the peer has been promised all there is.
    [[nodiscard]] bool idle();

private:
    enum class Mode : std::uint8_t { All, News };

    /// What has to come back if the peer does not get what was sent.
    struct State {
        Positions sent;     // facts up to here have been sent
        Positions claimed;  // and these promises made
        bool catch_up = false;
        bool complete = false;  // there has been a promise in this stream
    };
    struct Portion {
        std::uint64_t number = 0;
        std::size_t bytes = 0;
        State before;
        std::vector<Stamp> late;  // sent with it
        Positions claims;         // if any
    };

    [[nodiscard]] bool resume(std::uint64_t stream, std::uint64_t number);
    [[nodiscard]] HybridTime sent_to(WriterNumber writer) const noexcept;
    [[nodiscard]] bool has_room(const FactsWriter& frame, std::size_t more) const noexcept;
    [[nodiscard]] bool add_late(FactsWriter& frame, Portion& portion);
    [[nodiscard]] bool add_facts(FactsWriter& frame);
    void add(FactsWriter& frame, const Fact& fact);
    [[nodiscard]] bool leave_out(const Fact& fact);
    [[nodiscard]] Positions promises();
    [[nodiscard]] bool all_sent() const;
    [[nodiscard]] bool has_news(const Positions& promises) const;
    void promise(FactsWriter& frame, Portion& portion, Positions promises, TimePoint now);

    const FactMap& facts_;
    const Limits limits_;
    Positions has_;
    bool active_ = false;
    std::uint64_t stream_ = 0;  // 0: none
    std::uint64_t next_number_ = 1;
    Mode mode_ = Mode::All;
    State state_;
    Positions start_;          // what the peer had when the stream began
    Positions start_dropped_;  // the own horizon then
    std::vector<Stamp> late_;  // facts that came to be here behind where the stream was
    Positions pass_on_;        // of others, what may be sent
    Positions pass_on_next_;
    std::deque<Portion> under_way_;
    std::size_t bytes_under_way_ = 0;
    TimePoint promised_at_{};
    std::uint32_t longest_frame_ = std::numeric_limits<std::uint32_t>::max();
    std::map<WriterNumber, std::set<HybridTime>> too_long_;  // left out of this stream
    std::uint64_t left_out_ = 0;
    Stamp last_left_out_{};
    std::uint64_t facts_sent_ = 0;
};

}  // namespace vmq::cluster
