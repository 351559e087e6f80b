// Tracer: starts and ends traces of clients.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "broker/trace.h"
#include "runtime/coordination.h"

namespace vmq::broker {

class Broker;

/// Traces run until their reader lets go of them. Any thread but a shard's; `broker` has been
/// started and outlives it, and it outlives the traces that it has started.
class Tracer final {
public:
    /// Traces at a time.
    static constexpr std::size_t kMaxTraces = 16;

    explicit Tracer(const Broker& broker, Millis patience = Seconds(5))
        : broker_(broker), patience_(patience) {}
    Tracer(const Tracer&) = delete;
    Tracer& operator=(const Tracer&) = delete;

    /// A trace that runs; ends when it is destroyed.
    class Running final {
    public:
        Running(Tracer& tracer, std::shared_ptr<Trace> trace)
            : tracer_(tracer), trace_(std::move(trace)) {}
        ~Running() { tracer_.remove(trace_); }
        Running(const Running&) = delete;
        Running& operator=(const Running&) = delete;

        /// See Trace; returns at once.
        [[nodiscard]] Trace::Taken take();

    private:
        Tracer& tracer_;
        const std::shared_ptr<Trace> trace_;
    };

    /// Waits for the shards up to `patience`. An error: there are too many, or no filter.
    [[nodiscard]] Result<std::unique_ptr<Running>> start(TraceOptions options);
    /// Ends all of them, as an operator. How many it were.
    std::size_t stop_all();

private:
    void remove(const std::shared_ptr<Trace>& trace);
    /// Gives the shards the list of now.
    void publish() const;

    const Broker& broker_;
    const Millis patience_;
    runtime::OneAtATime changing_;
    Traces running_;  // of who holds changing_
};

}  // namespace vmq::broker
