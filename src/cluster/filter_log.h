// What a node tells the others about the filters of its clients.
//
//   owner:    FilterLog (the changes, numbered) and a FilterSender per other node
//   receiver: FilterReceiver per other node
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ring_buffer.h"

namespace vmq::cluster {

/// This node has, or no longer has, clients that have subscribed to a filter; or so many members of
/// a shared group, whose filter is "$share/GROUP/FILTER".
struct FilterChange {
    std::string mountpoint;
    std::string filter;
    bool subscribed = false;
    bool persistent = false;   // messages for one of them are stored; not of groups
    std::uint32_t online = 0;  // of groups
    std::uint32_t stored = 0;  // of groups: offline, and their messages are kept

    bool operator==(const FilterChange&) const = default;
};

/// The latest changes of one process, in order. A number says how many there have been, so it is
/// also the name of a state. Everything here is owned and used by the cluster's thread.
class FilterLog final {
public:
    /// `boot`: of this process; numbers of another one mean nothing. `most_changes`: kept for nodes
    /// that were away for a moment; who needs older ones gets everything.
    explicit FilterLog(std::uint64_t boot, std::size_t most_changes = 65'536) noexcept
        : boot_(boot), most_changes_(most_changes) {}

    void add(FilterChange change);
    [[nodiscard]] std::uint64_t boot() const noexcept { return boot_; }
    [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
    /// Whether all changes behind `number` are still here.
    [[nodiscard]] bool has_since(std::uint64_t number) const noexcept {
        return number <= number_ && number_ - number <= changes_.size();
    }
    /// The change after which the state is `number`. Requires has_since(number - 1).
    [[nodiscard]] const FilterChange& change(std::uint64_t number) const noexcept {
        return changes_[static_cast<std::size_t>(changes_.size() - (number_ - number) - 1)];
    }

private:
    RingBuffer<FilterChange> changes_;
    std::uint64_t number_ = 0;
    const std::uint64_t boot_;
    const std::size_t most_changes_;
};

/// All filters of this node, in portions. What changes during the walk is in the log as well, so a
/// portion may be older or newer than the one before.
class FilterSource {
public:
    virtual ~FilterSource() = default;
    /// Appends portion `number`, counted from 0. False: it was the last.
    virtual bool portion(std::uint32_t number, std::vector<FilterChange>& filters) const = 0;
};

/// Sends one other node what it lacks. Lives as long as the member; a link begins with begin().
class FilterSender final {
public:
    FilterSender(const FilterLog& log, const FilterSource& source) noexcept
        : log_(log), source_(source) {}

    /// A link is there; the other node knows the state `number` of process `boot`.
    void begin(std::uint64_t boot, std::uint64_t number) noexcept;
    /// The link is gone.
    void end() noexcept { linked_ = false; }
    /// Appends frames, about `most_bytes` of them. False: there was nothing to say.
    bool pump(std::string& out, std::size_t most_bytes);
    /// False: it claims more than it was sent.
    [[nodiscard]] bool acknowledge(std::uint64_t number) noexcept;

    [[nodiscard]] bool linked() const noexcept { return linked_; }
    /// The other node knows the state of this number.
    [[nodiscard]] std::uint64_t acknowledged() const noexcept { return acknowledged_; }

private:
    void begin_all() noexcept;
    void send_portion(std::string& out);
    void send_changes(std::string& out, std::size_t most_bytes);

    const FilterLog& log_;
    const FilterSource& source_;
    bool linked_ = false;
    bool all_ = false;  // everything is being sent
    std::uint32_t portion_ = 0;
    std::uint64_t sent_ = 0;  // the state that it will have with what was sent
    std::uint64_t acknowledged_ = 0;
    std::vector<FilterChange> filters_;  // reused
};

/// Where a receiver puts what it hears.
class FilterSink {
public:
    virtual ~FilterSink() = default;
    /// set() is about what replaces everything that is there, until end_all().
    virtual void begin_all() = 0;
    virtual void set(std::string_view mountpoint, std::string_view filter, bool subscribed,
                     bool persistent) = 0;
    /// None of either: the other node has no members in it any more.
    virtual void set_group(std::string_view mountpoint, std::string_view group,
                           std::string_view filter, std::uint32_t online, std::uint32_t stored) = 0;
    virtual void end_all() = 0;
};

/// What another node has said of its filters. Lives as long as the member. Bad bytes change
/// nothing that matters: the link ends, and the next one begins with everything.
class FilterReceiver final {
public:
    explicit FilterReceiver(FilterSink& sink) noexcept : sink_(&sink) {}

    /// A link to process `boot` is there: appends what is known here.
    void begin(std::uint64_t boot, std::string& out);
    /// A frame of type Filters. False: it is not one, or does not follow what came before.
    [[nodiscard]] bool receive(std::string_view body);
    /// What has been received, for acknowledge().
    struct State {
        std::uint64_t telling = 0;  // how often everything was told
        std::uint64_t number = 0;
    };
    [[nodiscard]] State state() const noexcept { return {telling_, number_}; }
    /// Appends an acknowledgement of what was received up to `through`, if there is news.
    void acknowledge(const State& through, std::string& out);

    /// The filters are complete, as of some moment of the process that is or was there.
    [[nodiscard]] bool complete() const noexcept { return complete_; }
    [[nodiscard]] std::uint64_t number() const noexcept { return number_; }

private:
    FilterSink* sink_;
    std::uint64_t boot_ = 0;
    std::uint64_t number_ = 0;
    std::uint64_t acknowledged_ = 0;
    std::uint64_t telling_ = 0;
    bool complete_ = false;
    bool all_ = false;  // everything is being received
};

/// Body of the frame FilterState, receiver to owner, first of a link. FilterAck is a number_frame.
struct FilterState {
    std::uint64_t boot = 0;
    std::uint64_t number = 0;
};
[[nodiscard]] bool decode_filter_state(std::string_view body, FilterState& state) noexcept;

}  // namespace vmq::cluster
