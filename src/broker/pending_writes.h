// What a shard has to have stored, who waits for it, and what is to be done when it is safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "broker/shard_message.h"
#include "mqtt/types.h"
#include "store/message_store.h"

namespace vmq::broker {

/// A packet that must not leave before the writes that it tells of are safe. Empty `packet`: only
/// look whether the client's queue has something that may leave now.
struct WhenSafe {
    ConnectionNumber connection;
    mqtt::PacketType type = mqtt::PacketType::Publish;
    mqtt::ReasonCode reason = mqtt::ReasonCode::Success;
    std::string packet = {};
};

/// Collects the writes of a shard until they are handed to the store. A message whose receiver
/// acknowledges it before that is taken back and never touches the disk; its publisher then waits
/// for nothing any more.
///
/// Owned by one shard, used on its thread. Does no I/O and reads no clock.
class PendingWrites final {
public:
    /// An acknowledgement that waits until a number of writes are safe or not needed; 0: none.
    using Ack = std::uint32_t;
    using Confirm = std::function<void(const Reply& reply, bool safe)>;

    /// `confirm` is called when all writes of an Ack are through.
    explicit PendingWrites(Confirm confirm) : confirm_(std::move(confirm)) {}
    PendingWrites(const PendingWrites&) = delete;
    PendingWrites& operator=(const PendingWrites&) = delete;

    /// Begins an acknowledgement; it is confirmed after the last write added with it.
    [[nodiscard]] Ack begin(const Reply& reply);

    /// `lazy`: may wait a moment for being taken back, because nobody waits but its publisher.
    template <typename Kind>
    store::WritePosition add(Kind write, bool lazy, Ack ack = 0, TimePoint now = {}) {
        note(lazy, now);
        acks_of_writes_.push_back(ack);
        if (ack != 0) ++acks_[ack - 1].outstanding;
        return batch_.add(std::move(write));
    }
    /// Takes a write back that is still here. False: it is not.
    bool cancel(store::WritePosition position);

    /// Confirms `reply` when all that was added so far is safe.
    void confirm_when_safe(const Reply& reply) {
        replies_.push_back(reply);
        urgent_ = true;
    }
    void when_safe(WhenSafe action) {
        actions_.push_back(std::move(action));
        urgent_ = true;
    }
    void pump_when_safe(ConnectionNumber connection) {
        const bool known = !actions_.empty() && actions_.back().connection == connection &&
                           actions_.back().packet.empty();
        if (!known) when_safe({.connection = connection});
    }
    /// This shard's part in a message whose writes on several shards become safe together.
    void join(mqtt::MessagePtr message) {
        batch_.join(std::move(message));
        urgent_ = true;
    }

    /// There is nothing to hand over.
    [[nodiscard]] bool idle() const noexcept {
        return batch_.empty() && replies_.empty() && actions_.empty();
    }
    [[nodiscard]] bool urgent() const noexcept { return urgent_; }
    /// What there is waits for nothing any more.
    void make_urgent() noexcept { urgent_ = !idle(); }
    /// When the first of the lazy writes came.
    [[nodiscard]] TimePoint since() const noexcept { return since_; }
    [[nodiscard]] std::size_t size() const noexcept { return batch_.size(); }
    /// Writes at this position or later are not safe yet.
    [[nodiscard]] store::WritePosition uncommitted() const noexcept { return uncommitted_; }
    /// The position of the next write.
    [[nodiscard]] store::WritePosition end() const noexcept { return batch_.end(); }
    [[nodiscard]] std::uint32_t under_way() const noexcept { return under_way_; }

    /// What is handed to the store at a time.
    struct Handed {
        std::vector<Ack> acks;
        std::vector<Reply> replies;
        std::vector<WhenSafe> actions;
        store::WritePosition end = 0;
    };
    struct HandOver {
        store::WriteBatch batch;
        std::shared_ptr<Handed> handed;
    };
    /// Everything, which then waits for committed().
    [[nodiscard]] HandOver take();
    /// In the order of take(). Confirms; the actions, if safe, are the caller's.
    std::vector<WhenSafe> committed(Handed& handed, bool safe);

private:
    struct Waiting {
        Reply reply;
        std::uint32_t outstanding = 0;
        bool failed = false;
    };
    void note(bool lazy, TimePoint now) noexcept {
        if (!lazy) urgent_ = true;
        if (batch_.empty()) since_ = now;
    }
    void release(Ack ack, bool safe);

    Confirm confirm_;
    store::WriteBatch batch_;
    std::vector<Ack> acks_of_writes_;  // as many as the batch has writes
    std::vector<Reply> replies_;
    std::vector<WhenSafe> actions_;
    std::vector<Waiting> acks_;  // an Ack is an index + 1
    std::vector<Ack> free_acks_;
    store::WritePosition uncommitted_ = 1;
    TimePoint since_{};
    std::uint32_t under_way_ = 0;
    bool urgent_ = false;
};

}  // namespace vmq::broker
