// TraceStream: a trace of the broker as an answer of the control socket.
#pragma once

#include <memory>
#include <optional>

#include "admin/commands/stream.h"
#include "base/clock.h"
#include "broker/tracer.h"

namespace vmq::admin {

/// The trace ends with it. Ends itself with "Done." when the trace is over, and after `duration`.
class TraceStream final : public commands::Stream {
public:
    TraceStream(std::unique_ptr<broker::Tracer::Running> trace, std::optional<Seconds> duration)
        : trace_(std::move(trace)), ends_at_(duration ? steady_now() + *duration : kNever) {}

    Piece take() override {
        broker::Trace::Taken taken = trace_->take();
        if (!taken.over && steady_now() < ends_at_) return {std::move(taken.text), {}};
        return {std::move(taken.text) + "Done.\n", 0};
    }

private:
    const std::unique_ptr<broker::Tracer::Running> trace_;
    const TimePoint ends_at_;
};

}  // namespace vmq::admin
