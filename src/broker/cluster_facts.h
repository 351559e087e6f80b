// ClusterFacts: what all nodes know together, connected to the store, the retained messages and the
// links of this node.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "broker/shared_facts.h"
#include "cluster/fact_map.h"
#include "cluster/frame_codec.h"
#include "cluster/membership.h"
#include "cluster/replication.h"
#include "metrics/counters.h"
#include "routing/retained_index.h"
#include "runtime/shard_loop.h"
#include "store/message_store.h"

namespace vmq::broker {

class Broker;

/// Of the facts of a node, at one moment; counters since its cluster began.
struct FactNumbers {
    std::array<std::uint64_t, cluster::kFactKinds> by_kind{};  // deleted ones as well
    std::uint64_t deleted = 0;
    std::array<std::uint64_t, cluster::kFactKinds> deleted_by_kind{};
    std::uint64_t bytes = 0;  // of memory
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t left_out = 0;  // not sent: too long for the other node
    std::uint64_t refused = 0;   // received, and older than what is here, or deleted here
    std::uint64_t ahead = 0;     // stamps ahead of the clock
};

/// Owned by the ClusterService, used on its thread.
///
/// A node that has never had company has no facts, so that they cost nothing. When it gets company,
/// what it has retained becomes facts; when it leaves, they are forgotten.
///
/// **Retained messages.** The index and the store's records of retained messages are the messages;
/// a fact's record has only stamp and digest. What another node has written goes to both in one
/// batch. What a shard writes it stores by itself, and tells here; should the process end in
/// between, the digest (or a mark, for what was deleted) shows at the next start what the others
/// have not been told.
class ClusterFacts final {
public:
    /// What it needs around it.
    class Home {
    public:
        /// Frames for the control link that is there now.
        virtual void send_facts(const cluster::Writer& peer, std::string_view frames) = 0;
        /// Members came, went or moved.
        virtual void on_members_changed() = 0;

    protected:
        ~Home() = default;
    };

    struct Options {
        std::string node;
        std::uint32_t longest_frame = 0;
        std::uint64_t seed = 0;
        SharedFacts::Tell on_shared = {};  // settings and API keys, as they change
    };
    using StoredFacts = std::vector<std::pair<std::string, std::string>>;

    /// `metrics`: those of the thread. `stored`: what the store had at the start. Fails if it is of
    /// a node of another name that is in a cluster.
    [[nodiscard]] static Result<std::unique_ptr<ClusterFacts>> open(Broker& broker, Home& home,
                                                                    runtime::ShardLoop& loop,
                                                                    metrics::ShardMetrics& metrics,
                                                                    Options options,
                                                                    const StoredFacts& stored);
    ~ClusterFacts();
    ClusterFacts(const ClusterFacts&) = delete;
    ClusterFacts& operator=(const ClusterFacts&) = delete;

    /// Of this node; another one after begin_alone().
    [[nodiscard]] const cluster::Incarnation& incarnation() const noexcept { return incarnation_; }
    [[nodiscard]] cluster::Membership& members() noexcept { return *members_; }
    [[nodiscard]] const cluster::Membership& members() const noexcept { return *members_; }
    /// There are others, or were: what changes has to become facts.
    [[nodiscard]] bool in_use() const { return !members_->alone() || facts_->knows_others(); }
    /// Wall and steady clock.
    [[nodiscard]] cluster::Moment now() const;

    /// Forgets everything and everybody; this node is another one from now on. Requires that there
    /// are no links.
    void begin_alone();
    /// Takes what is retained here into the facts. `late`: as of now; otherwise as old as can be,
    /// so that what others have counts. `done`, if any, when it is through.
    void take_in_retained(bool late, std::function<void()> done = {});

    /// Settings of cluster scope and API keys, see SharedFacts.
    [[nodiscard]] Result<void> put_shared(cluster::FactKind kind, std::string_view key,
                                          std::optional<std::string_view> value);
    /// What there is of them, at the start.
    void tell_shared() { shared_.tell_all(*facts_); }
    /// This node goes among others; `late`: they come to it.
    void take_in_shared(bool late) { shared_.enter(*facts_, late, now()); }
    void on_joined() { shared_.on_joined(now().wall); }

    // Links. An error: the link cannot go on.
    [[nodiscard]] Result<void> on_link_up(const cluster::Writer& peer, std::uint32_t longest_frame);
    void on_link_down(const cluster::Writer& peer);
    [[nodiscard]] Result<void> receive(const cluster::Writer& peer, const cluster::Frame& frame);

    /// A shard has set or deleted what is retained there.
    void on_retained_change(std::string_view mountpoint, std::string_view topic);
    /// A shard has no room for it; what others have written there was held up for it.
    void on_not_retained(std::string_view mountpoint, std::string_view topic);

    // What is known of published wills: the value of FactKind::WillsDone.
    /// Nothing: nothing is known. Valid until facts change.
    [[nodiscard]] std::optional<std::string_view> wills_done(std::string_view node) const;
    [[nodiscard]] Result<void> set_wills_done(std::string_view node, std::string_view value);
    void clear_wills_done(std::string_view node);

    /// Runs `work` when everything that was written so far is stored, in order.
    void when_stored(std::function<void()> work);
    [[nodiscard]] FactNumbers numbers() const;
    /// Stores and sends what there is. In every turn, and once a second.
    void turn();

private:
    using Batch = store::WriteBatch;
    struct Effect {
        bool stored = false;
        std::function<void()> work;
    };
    /// A walk over what is retained here.
    struct Intake {
        bool late = true;
        std::function<void()> done;
        std::vector<std::string> mountpoints;  // that are left, and the one it is at
        routing::RetainedIndex::Cursor cursor;
    };

    ClusterFacts(Broker& broker, Home& home, runtime::ShardLoop& loop,
                 metrics::ShardMetrics& metrics, Options options);

    [[nodiscard]] Result<void> load(const StoredFacts& stored);
    void load_fact(std::string_view key, std::string_view value,
                   const std::set<std::string, std::less<>>& untold);
    void make();
    void intake_some();
    void note_retained(const mqtt::MessagePtr& message, bool late);
    void apply(const cluster::FactChange& change, Batch& batch);
    void apply_retained(const cluster::FactChange& change, Batch& batch);
    void retain_what_is_known(const std::string& key, Batch& batch);
    void store_what_is_known(const std::string& key, std::uint64_t stamp, Batch& batch) const;
    void warn_of_clocks();
    void warn_of_left_out();
    /// Not again for a while after it was true.
    [[nodiscard]] bool may_warn(TimePoint& next) const noexcept;
    void add_identity(Batch& batch) const;
    void commit(Batch batch, std::function<void()> then);
    void flush();
    [[nodiscard]] routing::RetainedIndex& retained() const noexcept;

    Broker& broker_;
    Home& home_;
    runtime::ShardLoop& loop_;
    metrics::ShardMetrics& metrics_;
    const Options options_;
    cluster::Incarnation incarnation_;
    SharedFacts shared_;
    std::unique_ptr<cluster::FactMap> facts_;
    std::unique_ptr<cluster::Membership> members_;
    std::unique_ptr<cluster::Replication> replication_;
    std::map<cluster::Writer, std::uint64_t> links_;  // of now, numbered
    std::uint64_t last_link_ = 0;
    std::uint64_t members_revision_ = 0;
    bool lost_messages_ = false;  // facts were stored whose messages are not
    std::deque<Effect> effects_;  // in order, the first ones still to be stored
    std::uint64_t first_effect_ = 1;
    std::deque<Intake> intakes_;
    std::vector<std::string> stale_;  // records that the next batch takes away
    bool identity_stale_ = false;
    std::uint64_t ahead_ = 0;  // of FactMap::Counters, as last looked at
    TimePoint next_clock_warning_{};
    TimePoint next_length_warning_{};
    TimePoint next_limit_warning_{};
    TimePoint next_left_out_warning_{};
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace vmq::broker
