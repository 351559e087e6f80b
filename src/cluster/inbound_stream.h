// InboundStream: what another node's shard has sent here, and what it may be told is safe.
#pragma once

#include <cstdint>
#include <optional>

#include "base/ring_buffer.h"
#include "cluster/frame_codec.h"

namespace vmq::cluster {

/// The other end of an OutboundStream. Outlives the links that carry it, so that what comes a
/// second time is known. Owned by the shard that receives.
class InboundStream final {
public:
    /// What is told when a link begins: the last message that was had, 0: none, the sender says
    /// where it begins.
    [[nodiscard]] std::uint64_t received() const noexcept { return received_; }
    /// The first sequence to come on a new link. False: some in between would be missing.
    [[nodiscard]] bool begin(std::uint64_t next) noexcept;

    enum class Arrival : std::uint8_t {
        New,
        Repeated,  // it was had before
        Gap,       // one before it is missing: the link cannot be trusted
    };
    /// `waits`: how often settle() will be called for it; known only when it is handed on, so see
    /// expect().
    [[nodiscard]] Arrival arrive(std::uint64_t sequence);
    /// settle() will be called `waits` times for the message that arrived last. Without it: never.
    void expect(std::uint32_t waits) noexcept;
    /// One of those who had to keep the message has done so, or could not. Late answers, of a
    /// stream that began anew, do nothing.
    void settle(std::uint64_t sequence, bool safe) noexcept;

    /// What can be acknowledged that was not yet; nothing: no news. Again until there is nothing.
    [[nodiscard]] bool take_ack(Ack& ack);

    /// Messages that are not safe yet.
    [[nodiscard]] std::size_t unsettled() const noexcept { return pending_.size(); }

private:
    struct Pending {
        std::uint32_t waits = 0;
        bool refused = false;
    };

    RingBuffer<Pending> pending_;  // received and not acknowledged, in order
    std::uint64_t received_ = 0;
    std::uint64_t acknowledged_ = 0;
    bool ack_due_ = false;  // a repeated message: perhaps the acknowledgement was lost
};

}  // namespace vmq::cluster
