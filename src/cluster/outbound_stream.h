// OutboundStream: messages on their way to another node, kept until that has them safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "base/clock.h"
#include "base/ring_buffer.h"
#include "mqtt/message.h"

namespace vmq::cluster {

/// One shard's messages for one other node, numbered from 1. A link takes them in order; what it
/// has not acknowledged when it breaks, the next one takes again, and the receiver drops what it
/// has had (InboundStream).
///
/// Owned by the shard. `Waiter` says who wants to hear that a message is safe there; it is kept by
/// value and given back once. A template for its sake alone.
template <typename Waiter>
class OutboundStream final {
public:
    /// `most_bytes`: of messages that are not acknowledged, by Message::footprint(). One message
    /// fits always.
    explicit OutboundStream(std::size_t most_bytes) noexcept : most_bytes_(most_bytes) {}

    [[nodiscard]] bool has_room() const noexcept { return bytes_ < most_bytes_ || bytes_ == 0; }
    [[nodiscard]] bool has_half_room() const noexcept {
        return bytes_ < most_bytes_ / 2 || bytes_ == 0;
    }
    /// Bytes that it takes.
    [[nodiscard]] std::size_t room() const noexcept {
        return bytes_ < most_bytes_ ? most_bytes_ - bytes_ : 0;
    }
    void set_most_bytes(std::size_t bytes) noexcept { most_bytes_ = bytes; }

    /// Takes a message behind the others. Requires has_room(): who has not asked grows without
    /// bound.
    void add(mqtt::MessagePtr message, Waiter waiter) {
        bytes_ += message->footprint();
        entries_.push_back({std::move(message), std::move(waiter)});
    }

    /// Places that nobody will have: messages that were told of and are not there.
    void add_gaps(std::uint64_t count) {
        for (; count > 0; --count) entries_.push_back({});
    }

    struct Outgoing {
        std::uint64_t sequence;
        const mqtt::MessagePtr& message;  // null: it was taken out, its place stays
        const Waiter& waiter;
    };
    [[nodiscard]] bool has_next() const noexcept { return sent_ < entries_.size(); }
    /// Takes the next one onto the link. Requires has_next(). Valid until the next change.
    [[nodiscard]] Outgoing next() noexcept {
        const Entry& entry = entries_[sent_];
        const Outgoing outgoing{first_ + sent_, entry.message, entry.waiter};
        ++sent_;
        return outgoing;
    }

    /// Takes message and waiter of one that was sent out, whose place stays: nobody will have it.
    [[nodiscard]] Waiter give_up(std::uint64_t sequence) {
        Entry& entry = entries_[static_cast<std::size_t>(sequence - first_)];
        if (entry.message) bytes_ -= entry.message->footprint();
        entry.message = nullptr;
        return std::exchange(entry.waiter, Waiter{});
    }

    /// The sequence of the next that next() would give, or of the next to be added.
    [[nodiscard]] std::uint64_t next_sequence() const noexcept { return first_ + sent_; }
    /// All before it are acknowledged.
    [[nodiscard]] std::uint64_t first_sequence() const noexcept { return first_; }

    /// The receiver has everything up to `sequence` safe, except `refused` (ascending), which it
    /// could not keep. Calls done(waiter, safe) for each in order. False: it was never sent.
    template <typename Done>
    [[nodiscard]] bool acknowledge(std::uint64_t sequence, std::span<const std::uint64_t> refused,
                                   Done done) {
        if (sequence >= first_ + sent_) return false;
        for (; first_ <= sequence; ++first_, --sent_) {
            Entry entry = entries_.pop_front();
            if (entry.message) bytes_ -= entry.message->footprint();
            while (!refused.empty() && refused.front() < first_) refused = refused.subspan(1);
            const bool safe = refused.empty() || refused.front() != first_;
            done(std::move(entry.waiter), safe);
        }
        return true;
    }

    /// A link is there, and the receiver has had everything up to `received`, which may not be safe
    /// yet; 0: it does not know this stream. False: it claims to have what was never sent.
    [[nodiscard]] bool restart(std::uint64_t received) noexcept {
        if (received >= first_ + highest_sent()) return false;
        sent_ = received < first_ ? 0 : static_cast<std::size_t>(received + 1 - first_);
        return true;
    }

    /// Of the message that was added last, 0: none was.
    [[nodiscard]] std::uint64_t last_sequence() const noexcept {
        return first_ + entries_.size() - 1;
    }

    /// Calls take(message, waiter) for each that is not acknowledged, in order; those for which it
    /// returns true, having moved from both, go no further. The receiver may have had them.
    template <typename Take>
    void take_out(Take take) {
        for (std::size_t i = 0; i < entries_.size(); ++i) {
            Entry& entry = entries_[i];
            if (!entry.message) continue;
            const std::size_t bytes = entry.message->footprint();
            if (!take(entry.message, entry.waiter)) continue;
            entry = {};
            bytes_ -= bytes;
        }
    }

    /// A place without a message: `waiter` hears when all before it are safe there.
    void add_mark(Waiter waiter) { entries_.push_back({nullptr, std::move(waiter)}); }

    /// Calls look(message, waiter) for each that is not acknowledged, in order, the message null
    /// where there is none; false ends it. The waiter may be changed. Returns whether all were
    /// seen.
    template <typename Look>
    bool look_at(Look look) {
        for (std::size_t i = 0; i < entries_.size(); ++i) {
            Entry& entry = entries_[i];
            if (!look(std::as_const(entry.message), entry.waiter)) return false;
        }
        return true;
    }

    /// Takes everything out, as never safe: the node is no member any more.
    template <typename Done>
    void clear(Done done) {
        while (!entries_.empty()) done(entries_.pop_front().waiter, false);
        first_ += sent_;
        sent_ = 0;
        bytes_ = 0;
    }

    /// Messages not acknowledged, and their bytes.
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

private:
    struct Entry {
        mqtt::MessagePtr message;
        Waiter waiter;
    };

    // A link that broke may have taken more than the one now has.
    [[nodiscard]] std::uint64_t highest_sent() const noexcept { return entries_.size(); }

    RingBuffer<Entry> entries_;
    std::uint64_t first_ = 1;  // sequence of the first of them
    std::size_t sent_ = 0;     // of them, on this link
    std::size_t bytes_ = 0;
    std::size_t most_bytes_;
};

}  // namespace vmq::cluster
