// Leave: a running node on its way out of the cluster, step by step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "cluster/frame_codec.h"

namespace vmq::cluster {

/// What the operator has asked for.
struct LeaveOrder {
    bool kill_sessions = false;  // else clients only stop coming
    Seconds interval{5};         // between two lines about what is left
    Seconds timeout{60};         // given up after so long without any progress

    bool operator==(const LeaveOrder&) const = default;
};

/// What has come of it. Alert: it has not been done, and VerneMQ only says so, without a failing
/// exit status.
enum class LeaveEnd : std::uint8_t { Done = 1, Failed = 2, Alert = 3 };

/// What is left on the node.
struct LeaveCounts {
    bool others_ready = false;  // all other members run, and there are some
    std::size_t connections = 0;
    std::size_t sessions = 0;
    std::uint64_t messages = 0;
    std::uint64_t sessions_gone = 0;  // since they are given away
    std::uint64_t messages_gone = 0;
    std::size_t waiting_bytes = 0;  // of messages that others have not acknowledged yet
};

/// What the Leave does to its surroundings. No call leads back into it.
class LeaveHost {
public:
    /// No new clients. Leads to Leave::suspended().
    virtual void suspend_listeners() = 0;
    virtual void disconnect_clients() = 0;
    virtual void give_sessions_away() = 0;
    virtual void stop_giving() = 0;
    /// Leads to Leave::removed() when the others know.
    virtual void remove_member() = 0;
    /// A line for the operator, and the log.
    virtual void say(std::string line) = 0;
    /// The same, the last one. `hint` says what to do.
    virtual void end(LeaveEnd how, std::string line, std::string hint) = 0;

protected:
    ~LeaveHost() = default;
};

/// Each step can be asked for again, whatever came in between: what is done is not undone, and the
/// rest goes on. Owned and used by the cluster's thread. Does no I/O and reads no clock.
class Leave final {
public:
    enum class Step : std::uint8_t {
        None,
        Gather,      // the other members
        Suspend,     // the listeners
        Disconnect,  // clients
        Move,        // sessions
        Settle,      // messages that others have not acknowledged
        Remove,
        Gone,  // this node is no member any more
    };

    explicit Leave(LeaveHost& host) : host_(host) {}

    [[nodiscard]] Step step() const noexcept { return step_; }
    [[nodiscard]] bool under_way() const noexcept {
        return step_ != Step::None && step_ != Step::Gone;
    }
    /// Its own sessions go, so it takes none from others.
    [[nodiscard]] bool refuses_sessions() const noexcept {
        return step_ >= Step::Disconnect && step_ != Step::Gone;
    }

    /// While it is under way: takes the new limits, and goes further if more is asked for.
    void begin(const LeaveOrder& order, const LeaveCounts& counts, TimePoint now);
    /// The listeners are, or `problem` says why not.
    void suspended(std::string_view problem, TimePoint now);
    void removed();
    /// Every now and then.
    void look(const LeaveCounts& counts, TimePoint now);

private:
    void enter(Step step, TimePoint now);
    void fail(LeaveEnd how, std::string line, std::string hint);
    void tell_progress(const LeaveCounts& counts, TimePoint now);

    LeaveHost& host_;
    LeaveOrder order_;
    Step step_ = Step::None;
    std::uint64_t left_ = 0;  // at the last progress
    TimePoint progress_{};
    TimePoint told_{};
};

/// One node to another: leave. Answered with LeaveState until it is final.
struct LeaveRequest {
    std::uint64_t ticket = 0;
    LeaveOrder order;
};
struct LeaveState {
    static constexpr std::size_t kLongestText = 1024;

    std::uint64_t ticket = 0;
    std::optional<LeaveEnd> ended;  // none: there is more to come
    std::string line;
    std::string hint;
};

//   leave       := ticket:varint kill_sessions:flag interval_s:varint timeout_s:varint
//   leave_state := ticket:varint ended:u8 line:string hint:string
void append(const LeaveRequest& request, std::string& out);
void append(const LeaveState& state, std::string& out);
[[nodiscard]] bool decode(std::string_view body, LeaveRequest& request);
[[nodiscard]] bool decode(std::string_view body, LeaveState& state);

}  // namespace vmq::cluster
