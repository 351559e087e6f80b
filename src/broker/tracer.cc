#include "broker/tracer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "broker/broker.h"
#include "mqtt/packet_text.h"
#include "runtime/work_queue.h"

namespace vmq::broker {
namespace {

/// Sessions that are named when a trace starts.
constexpr std::size_t kMostNamed = 100;

std::int64_t wall_now() {
    return std::chrono::duration_cast<Millis>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

std::string quoted(std::string_view text) {
    std::string out = "\"";
    mqtt::append_printable(text, out);
    return out + '"';
}

/// "client "c"", or what else is looked for.
std::string description(const TraceOptions& options) {
    std::string out;
    const auto add = [&out](std::string_view word, const std::optional<std::string>& value) {
        if (!value) return;
        out += fmt::format("{}{} {}", out.empty() ? "" : ", ", word, quoted(*value));
    };
    add("client", options.client_id);
    add("user", options.username);
    add("peer", options.peer);
    add("topic", options.topic);
    return out;
}

std::string first_line(const TraceOptions& options, std::vector<std::string> pids) {
    const std::string what = description(options);
    // Those of one client are known at once; others are found when they say something.
    if (!options.client_id) {
        return fmt::format("{}Starting trace for {}\n", trace_time(wall_now()), what);
    }
    if (pids.empty()) {
        return fmt::format("{}No sessions found for {}\n", trace_time(wall_now()), what);
    }
    const std::size_t count = pids.size();
    if (count > kMostNamed) {
        pids.resize(kMostNamed);
        pids.emplace_back("...");
    }
    return fmt::format("{}Starting trace for {} existing sessions for {} with PIDs\n    [{}]\n",
                       trace_time(wall_now()), count, what, fmt::join(pids, ","));
}

}  // namespace

Trace::Taken Tracer::Running::take() { return trace_->take(wall_now()); }

Result<std::unique_ptr<Tracer::Running>> Tracer::start(TraceOptions options) {
    if (!options.client_id && !options.username && !options.topic && !options.peer) {
        return Error{ErrorCode::InvalidValue, "nothing says whom to trace"};
    }
    const auto trace = std::make_shared<Trace>(std::move(options));
    {
        const auto alone = changing_.enter();
        std::erase_if(running_, [](const auto& each) { return each->over(); });
        if (running_.size() >= kMaxTraces) {
            return Error{ErrorCode::Unavailable,
                         fmt::format("Cannot start trace as {} traces are already running.",
                                     running_.size())};
        }
        running_.push_back(trace);
        publish();
    }
    auto running = std::make_unique<Running>(*this, trace);
    using Pids = std::vector<std::string>;
    auto answers = std::make_shared<runtime::WorkQueue<Pids>>();
    for (ShardId id = 0; id < broker_.shard_count(); ++id) {
        Shard& shard = *broker_.shards()[id];
        broker_.post(id, [&shard, trace, answers] { answers->push(shard.begin_trace(trace)); });
    }
    Pids pids;
    const TimePoint deadline = steady_now() + patience_;
    for (std::size_t missing = broker_.shard_count(); missing > 0;) {
        std::vector<Pids> parts;
        (void)answers->take(parts, std::max(deadline - steady_now(), Millis::zero()));
        if (parts.empty()) break;
        for (const Pids& part : parts) pids.insert(pids.end(), part.begin(), part.end());
        missing -= parts.size();
    }
    trace->tell_first(first_line(trace->options(), std::move(pids)));
    return running;
}

std::size_t Tracer::stop_all() {
    const auto alone = changing_.enter();
    std::size_t count = 0;
    for (const auto& trace : running_) {
        if (trace->over()) continue;
        trace->end(trace_time(wall_now()) + "Trace terminated by external action.\n");
        ++count;
    }
    running_.clear();
    publish();
    return count;
}

void Tracer::remove(const std::shared_ptr<Trace>& trace) {
    const auto alone = changing_.enter();
    trace->end({});
    if (std::erase(running_, trace) != 0) publish();
}

void Tracer::publish() const {
    const auto list = running_.empty() ? nullptr : std::make_shared<const Traces>(running_);
    for (ShardId id = 0; id < broker_.shard_count(); ++id) {
        Shard& shard = *broker_.shards()[id];
        broker_.post(id, [&shard, list] { shard.set_traces(list); });
    }
}

}  // namespace vmq::broker
