#include "cluster/fact_sender.h"

#include <algorithm>
#include <utility>

#include "cluster/fact_codec.h"

namespace vmq::cluster {
namespace {

/// About what the promises take for each writer.
constexpr std::size_t kClaimBytes = 64;

}  // namespace

bool FactSender::start(std::uint64_t stream, std::uint64_t number) {
    if (number > 0) return resume(stream, number);
    stop();
    active_ = true;
    stream_ = stream;
    state_.catch_up = !has_.covers(facts_.dropped());
    start_ = has_;
    start_dropped_ = facts_.dropped();
    if (!state_.catch_up) state_.sent = has_;
    return true;
}

bool FactSender::resume(std::uint64_t stream, std::uint64_t number) {
    const std::uint64_t first = under_way_.empty() ? next_number_ : under_way_.front().number;
    if (stream != stream_ || stream == 0 || number + 1 < first || number >= next_number_) {
        return false;
    }
    if (is_outrun()) return false;
    while (!under_way_.empty() && under_way_.front().number <= number) under_way_.pop_front();
    if (!under_way_.empty()) state_ = std::move(under_way_.front().before);
    for (const Portion& lost : under_way_) {
        late_.insert(late_.end(), lost.late.begin(), lost.late.end());
    }
    under_way_.clear();
    bytes_under_way_ = 0;
    next_number_ = number + 1;
    mode_ = Mode::All;
    active_ = true;
    return true;
}

void FactSender::stop() {
    active_ = false;
    stream_ = 0;
    next_number_ = 1;
    mode_ = Mode::All;
    state_ = {};
    start_.clear();
    start_dropped_.clear();
    late_.clear();
    pass_on_.clear();
    pass_on_next_.clear();
    under_way_.clear();
    bytes_under_way_ = 0;
    too_long_.clear();
}

bool FactSender::is_outrun() const {
    if (stream_ == 0) return false;
    Positions known = start_dropped_;
    known.raise(has_);
    return !known.covers(facts_.dropped());
}

HybridTime FactSender::sent_to(WriterNumber writer) const noexcept {
    const HybridTime sent = state_.sent[writer];
    return state_.catch_up ? sent : std::max(sent, has_[writer]);
}

void FactSender::note(const Stamp& stamp) {
    if (stream_ == 0 || stamp.time > state_.sent[stamp.writer]) return;
    if (!state_.catch_up && stamp.time <= has_[stamp.writer]) return;
    late_.push_back(stamp);
    if (late_.size() <= limits_.most_late) return;
    for (const Stamp& each : late_) state_.sent.lower(each.writer, {each.time.value - 1});
    late_.clear();
    mode_ = Mode::All;
}

void FactSender::send_again() {
    state_.sent.lower(has_);
    state_.claimed.lower(has_);
    mode_ = Mode::All;
}

void FactSender::pass_on() {
    pass_on_ = std::exchange(pass_on_next_, {});
    for (std::size_t i = 0; i < facts_.writers().size(); ++i) {
        const auto writer = static_cast<WriterNumber>(i);
        pass_on_next_.set(writer, facts_.last_of(writer));
    }
}

bool FactSender::has_room(const FactsWriter& frame, std::size_t more) const noexcept {
    return frame.item_bytes() == 0 || frame.item_bytes() + more <= limits_.portion_bytes;
}

void FactSender::add(FactsWriter& frame, const Fact& fact) {
    if (state_.catch_up && fact.time() <= start_[fact.writer()]) {
        frame.known(fact.stamp());
    } else {
        frame.fact(fact);
        ++facts_sent_;
    }
}

/// True: the peer could not take a frame with it.
bool FactSender::leave_out(const Fact& fact) {
    if (fact.wire_size() + FactMap::Limits::kFrameOverhead <= longest_frame_) return false;
    if (state_.catch_up && fact.time() <= start_[fact.writer()]) return false;  // it has it
    if (too_long_[fact.writer()].insert(fact.time()).second) {
        ++left_out_;
        last_left_out_ = fact.stamp();
    }
    return true;
}

/// What the peer may be promised: of each writer all that is before the first fact left out.
Positions FactSender::promises() {
    Positions promised = facts_.complete();
    for (auto& [writer, times] : too_long_) {
        while (!times.empty() && facts_.find(Stamp{*times.begin(), writer}) == nullptr) {
            times.erase(times.begin());  // something else has taken its place
        }
        if (!times.empty()) promised.lower(writer, {times.begin()->value - 1});
    }
    return promised;
}

bool FactSender::add_late(FactsWriter& frame, Portion& portion) {
    for (; !late_.empty(); late_.pop_back()) {
        const Stamp stamp = late_.back();
        if (!state_.catch_up && stamp.time <= has_[stamp.writer]) continue;
        const Fact* fact = facts_.find(stamp);
        if (fact == nullptr) continue;  // something newer is there, and is sent
        if (leave_out(*fact)) continue;
        if (!has_room(frame, fact->wire_size())) return false;
        add(frame, *fact);
        portion.late.push_back(stamp);
    }
    return true;
}

bool FactSender::add_facts(FactsWriter& frame) {
    const std::size_t writers = facts_.writers().size();
    const auto self = static_cast<std::size_t>(facts_.self());
    for (std::size_t i = 0; i < writers; ++i) {
        // The own facts first.
        const auto writer = static_cast<WriterNumber>((self + i) % writers);
        const bool all = mode_ == Mode::All || i == 0;
        const HybridTime last = all ? kLatestTime : pass_on_[writer];
        const bool through = facts_.walk(writer, sent_to(writer), last, [&](const Fact& fact) {
            if (!leave_out(fact)) {
                if (!has_room(frame, fact.wire_size())) return false;
                add(frame, fact);
            }
            state_.sent.set(writer, fact.time());
            return true;
        });
        if (!through) return false;
    }
    return true;
}

bool FactSender::all_sent() const {
    if (!late_.empty()) return false;
    for (std::size_t i = 0; i < facts_.writers().size(); ++i) {
        const auto writer = static_cast<WriterNumber>(i);
        if (facts_.last_of(writer) > sent_to(writer)) return false;
    }
    return true;
}

bool FactSender::has_news(const Positions& promises) const {
    if (!state_.complete) return true;
    for (std::size_t i = 0; i < promises.size(); ++i) {
        const auto writer = static_cast<WriterNumber>(i);
        if (promises[writer] > std::max(state_.claimed[writer], has_[writer])) return true;
    }
    return false;
}

void FactSender::promise(FactsWriter& frame, Portion& portion, Positions promises, TimePoint now) {
    Positions but = state_.claimed;
    but.raise(has_);
    Positions dropped = facts_.dropped();
    dropped.lower(promises);
    frame.claims(promises, dropped, but, !state_.complete);
    state_.claimed.raise(promises);
    portion.claims = std::move(promises);
    state_.complete = true;
    state_.catch_up = false;
    mode_ = Mode::News;
    promised_at_ = now;
}

void FactSender::fill(Moment now, std::string& out) {
    while (active_ && bytes_under_way_ < limits_.most_under_way) {
        Portion portion{next_number_, 0, state_, {}, {}};
        FactsWriter frame(facts_.writers(), stream_, next_number_, state_.catch_up, now, out);
        const bool through = add_late(frame, portion) && add_facts(frame);
        const bool all = through && all_sent();
        Positions promised = all ? promises() : Positions{};
        const bool promises = all && has_news(promised);
        if (promises && has_room(frame, facts_.complete().size() * kClaimBytes)) {
            promise(frame, portion, std::move(promised), now.steady);
        } else if (frame.item_bytes() == 0) {
            if (all) promised_at_ = now.steady;
            frame.cancel();
            return;
        }
        frame.finish();
        portion.bytes = frame.bytes();
        bytes_under_way_ += portion.bytes;
        under_way_.push_back(std::move(portion));
        ++next_number_;
        if (through && !promises) return;
    }
}

bool FactSender::acknowledge(std::uint64_t number) {
    if (number >= next_number_) return false;
    while (!under_way_.empty() && under_way_.front().number <= number) {
        has_.raise(under_way_.front().claims);
        bytes_under_way_ -= under_way_.front().bytes;
        under_way_.pop_front();
    }
    return true;
}

bool FactSender::idle() {
    return active_ && under_way_.empty() && state_.complete && !has_news(promises());
}

}  // namespace vmq::cluster
