// LinkLoop: what the links of one loop share.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/output_buffer.h"
#include "metrics/counters.h"
#include "runtime/shard_loop.h"

namespace vmq::cluster {

// NOLINTBEGIN(cppcoreguidelines-virtual-class-destructor): they are final
class Link;
class Parting;
// NOLINTEND(cppcoreguidelines-virtual-class-destructor)

struct LinkSettings {
    /// From the connection to agreement, TLS included.
    Millis handshake_timeout{5'000};
    Millis heartbeat_interval{500};
    /// A link on which nothing has arrived for so long is down.
    Millis silence_timeout{3'000};
};

/// Owned beside a ShardLoop and used on its thread; outlives the links. Its owner calls
/// on_turn_end() from its TurnHandler.
class LinkLoop final {
public:
    /// Connections that have ended and still say why; more are just closed.
    static constexpr std::size_t kMostPartings = 64;
    /// How long they may take for it.
    static constexpr Millis kPartingTime{2'000};

    /// `loop` and `metrics`, whose only writer is the loop's thread, outlive it.
    LinkLoop(runtime::ShardLoop& loop, metrics::ShardMetrics& metrics, LinkSettings settings);
    ~LinkLoop();
    LinkLoop(const LinkLoop&) = delete;
    LinkLoop& operator=(const LinkLoop&) = delete;

    /// Writes what the links have to say, and destroys what was buried.
    void on_turn_end();
    /// Keeps `link` until nobody can call it any more: the end of the turn. For links that have
    /// ended or were released, also from within their callbacks.
    void bury(std::unique_ptr<Link> link);

    [[nodiscard]] runtime::ShardLoop& loop() noexcept { return loop_; }
    [[nodiscard]] const LinkSettings& settings() const noexcept { return settings_; }
    [[nodiscard]] std::size_t partings() const noexcept { return partings_.size(); }

private:
    friend class Link;
    friend class Parting;

    [[nodiscard]] metrics::ShardMetrics& metrics() noexcept { return metrics_; }
    /// For one read; its content is of no use afterwards.
    [[nodiscard]] std::span<char> read_buffer() noexcept { return read_buffer_; }
    void mark_dirty(Link& link) { dirty_.push_back(&link); }
    void forget(const Link& link) noexcept;
    /// Writes `rest`, tells the peer that this is the end, and waits for its end, so that the
    /// system does not throw away what it has not read. Takes `fd` over.
    void part(int fd, OutputBuffer rest);

    runtime::ShardLoop& loop_;
    metrics::ShardMetrics& metrics_;
    const LinkSettings settings_;
    std::vector<char> read_buffer_;
    std::vector<Link*> dirty_;
    std::vector<Link*> flushing_;
    std::vector<std::unique_ptr<Link>> buried_;
    std::vector<std::unique_ptr<Parting>> partings_;
};

}  // namespace vmq::cluster
