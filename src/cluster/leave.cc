#include "cluster/leave.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace vmq::cluster {

namespace {

/// For members that have just come.
constexpr Millis kGather{3000};
constexpr std::uint64_t kLongestSeconds = 1'000'000'000;

}  // namespace

void Leave::enter(Step step, TimePoint now) {
    step_ = step;
    left_ = ~0ULL;
    progress_ = told_ = now;
    switch (step) {
        case Step::Suspend:
            return host_.suspend_listeners();
        case Step::Disconnect:
            return host_.disconnect_clients();
        case Step::Move:
            return host_.give_sessions_away();
        case Step::Remove:
            return host_.remove_member();
        default:
            return;
    }
}

void Leave::fail(LeaveEnd how, std::string line, std::string hint) {
    if (step_ == Step::Move || step_ == Step::Settle) host_.stop_giving();
    step_ = Step::None;
    host_.end(how, std::move(line), std::move(hint));
}

void Leave::begin(const LeaveOrder& order, const LeaveCounts& counts, TimePoint now) {
    if (step_ == Step::Gone) step_ = Step::None;  // it has joined again
    const bool kill_sessions = order_.kill_sessions && under_way();
    order_ = order;
    order_.kill_sessions = order.kill_sessions || kill_sessions;
    progress_ = now;
    if (!under_way()) enter(Step::Gather, now);
    if (step_ == Step::Gather) look(counts, now);
}

void Leave::suspended(std::string_view problem, TimePoint now) {
    if (step_ != Step::Suspend) return;
    if (!problem.empty()) {
        return fail(LeaveEnd::Failed, fmt::format("error, a listener is still open: {}", problem),
                    "Repeat the command.");
    }
    if (order_.kill_sessions) return enter(Step::Disconnect, now);
    step_ = Step::None;
    host_.end(LeaveEnd::Done, "Done! Use -k to teardown and migrate existing sessions!", "");
}

void Leave::removed() {
    if (step_ != Step::Remove) return;
    step_ = Step::Gone;
    host_.end(LeaveEnd::Done, "Done", "");
}

void Leave::look(const LeaveCounts& counts, TimePoint now) {
    if (step_ == Step::Gather && (!order_.kill_sessions || counts.others_ready)) {
        return enter(Step::Suspend, now);
    }
    if (step_ == Step::Gather && now - progress_ >= kGather) {
        return fail(LeaveEnd::Alert, "Can't migrate queues because cluster is inconsistent, retry!",
                    "All other members have to run, because sessions go to all of them: see "
                    "`vmq-admin cluster show`. Remove those that are gone for good first.");
    }
    if (step_ == Step::Disconnect && counts.connections == 0) enter(Step::Move, now);
    if (step_ == Step::Move && counts.sessions == 0) {
        tell_progress(counts, now);
        enter(Step::Settle, now);
    }
    if (step_ == Step::Settle && counts.waiting_bytes == 0 && counts.sessions == 0) {
        host_.stop_giving();
        return enter(Step::Remove, now);
    }
    if (step_ == Step::Settle && counts.sessions > 0) enter(Step::Move, now);
    if (step_ != Step::Disconnect && step_ != Step::Move && step_ != Step::Settle) return;
    const std::uint64_t left = step_ == Step::Disconnect ? counts.connections
                               : step_ == Step::Move     ? counts.sessions - counts.messages_gone
                                                         : counts.waiting_bytes;
    if (left != std::exchange(left_, left)) progress_ = now;
    if (now - told_ >= order_.interval) tell_progress(counts, now);
    if (now - progress_ < order_.timeout) return;
    if (step_ == Step::Disconnect) {
        return fail(LeaveEnd::Alert, "error, still online queues, check the logs, and retry!",
                    fmt::format("{} connections have not ended in {} s.", counts.connections,
                                order_.timeout.count()));
    }
    const std::string hint =
        "The other nodes have to run: see `vmq-admin cluster show --details` and the logs. Repeat "
        "the command; it goes on from here.";
    if (step_ == Step::Move) {
        return fail(LeaveEnd::Failed,
                    fmt::format("error, {} queues do not migrate, check the logs, and retry!",
                                counts.sessions),
                    hint);
    }
    fail(LeaveEnd::Failed,
         "error, other nodes do not take the last messages, check the logs, and retry!", hint);
}

void Leave::tell_progress(const LeaveCounts& counts, TimePoint now) {
    told_ = now;
    if (step_ == Step::Disconnect) {
        return host_.say(
            fmt::format("intermediate queue summary: {} connections left", counts.connections));
    }
    if (step_ != Step::Move) return;
    const std::uint64_t sessions = counts.sessions_gone + counts.sessions;
    const std::uint64_t messages = counts.messages_gone + counts.messages;
    const std::uint64_t all = std::max<std::uint64_t>(sessions + messages, 1);
    const std::uint64_t percent =
        counts.sessions == 0 ? 100 : 100 * (counts.sessions_gone + counts.messages_gone) / all;
    host_.say(fmt::format("Migrated {}/{} queues and {}/{} messages, {} %", counts.sessions_gone,
                          sessions, counts.messages_gone, messages, percent));
}

void append(const LeaveRequest& request, std::string& out) {
    FrameWriter frame(FrameType::Leave, out);
    frame.body().varint(request.ticket);
    frame.body().flag(request.order.kill_sessions);
    frame.body().varint(static_cast<std::uint64_t>(request.order.interval.count()));
    frame.body().varint(static_cast<std::uint64_t>(request.order.timeout.count()));
    frame.finish();
}

bool decode(std::string_view body, LeaveRequest& request) {
    ByteReader reader(body);
    std::uint64_t interval = 0;
    std::uint64_t timeout = 0;
    if (!reader.varint(request.ticket) || !reader.flag(request.order.kill_sessions) ||
        !reader.varint(interval) || interval == 0 || interval > kLongestSeconds ||
        !reader.varint(timeout) || timeout == 0 || timeout > kLongestSeconds || !reader.done()) {
        return false;
    }
    request.order.interval = Seconds(interval);
    request.order.timeout = Seconds(timeout);
    return true;
}

void append(const LeaveState& state, std::string& out) {
    FrameWriter frame(FrameType::LeaveState, out);
    frame.body().varint(state.ticket);
    frame.body().u8(state.ended ? static_cast<std::uint8_t>(*state.ended) : 0);
    frame.body().string(std::string_view(state.line).substr(0, LeaveState::kLongestText));
    frame.body().string(std::string_view(state.hint).substr(0, LeaveState::kLongestText));
    frame.finish();
}

bool decode(std::string_view body, LeaveState& state) {
    ByteReader reader(body);
    std::uint8_t ended = 0;
    std::string_view line;
    std::string_view hint;
    if (!reader.varint(state.ticket) || !reader.u8(ended) || ended > 3 ||
        !reader.string(line, LeaveState::kLongestText) ||
        !reader.string(hint, LeaveState::kLongestText) || !reader.done()) {
        return false;
    }
    state.ended.reset();
    if (ended != 0) state.ended = static_cast<LeaveEnd>(ended);
    state.line = line;
    state.hint = hint;
    // It is shown on a terminal.
    for (std::string* text : {&state.line, &state.hint}) {
        for (char& each : *text) {
            if (each < ' ' || each > '~') each = '?';
        }
    }
    return true;
}

}  // namespace vmq::cluster
