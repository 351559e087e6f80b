#include "admin/top_stream.h"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <string>
#include <utility>

#include "admin/commands/writers.h"
#include "metrics/counters.h"

namespace vmq::admin {
namespace {

namespace json = boost::json;
using metrics::Counter;
using metrics::Direction;

/// For shards to answer; what they have not told by then is left out.
constexpr Millis kPatience{1000};
/// Clients and topics that are told.
constexpr std::size_t kMostTold = 100;

/// Per second, with one decimal place.
class Rate final {
public:
    explicit Rate(Millis period)
        : seconds_(static_cast<double>(std::max<std::int64_t>(period.count(), 1)) / 1000) {}
    [[nodiscard]] double operator()(std::uint64_t count) const {
        return std::round(static_cast<double>(count) / seconds_ * 10) / 10;
    }

private:
    const double seconds_;
};

std::string valid_text(std::string_view bytes) { return commands::valid_utf8(bytes); }

std::uint64_t accepted(const broker::NodeSnapshot& node) {
    std::uint64_t sum = 0;
    for (const bool v5 : {false, true}) {
        sum += node.numbers.totals.get(metrics::PacketKind{
            Direction::Sent, v5, static_cast<std::uint8_t>(mqtt::PacketType::Connack)});
    }
    return sum;
}

struct NamedCounter {
    std::string_view name;
    Counter counter;
};
constexpr NamedCounter kDrops[] = {
    {"queue_full", Counter::QueueMessageDrop},
    {"expired", Counter::QueueMessageExpired},
    {"too_large", Counter::QueueMessageDropMaxPacketSize},
    {"client_offline", Counter::DropOffline},
    {"session_ended", Counter::DropSessionEnded},
    {"no_subscriber", Counter::DropNoSubscriber},
    {"storage_full", Counter::DropStoreRefused},
    {"node_unreachable", Counter::DropNodeUnreachable},
    {"too_large_for_node", Counter::DropTooLargeForNode},
    {"netsplit", Counter::DropNetsplit},
};

json::object rates(const broker::NodeSnapshot& now, const broker::NodeSnapshot& before,
                   const Rate& rate) {
    const auto counter = [&](Counter which) {
        return rate(now.counter(which) - before.counter(which));
    };
    const auto publishes = [&](Direction direction) {
        return rate(now.publishes(direction) - before.publishes(direction));
    };
    json::object out;
    out["connects"] = rate(accepted(now) - accepted(before));
    out["connections_opened"] = counter(Counter::SocketOpen);
    out["connections_closed"] = counter(Counter::SocketClose);
    out["publish_in"] = publishes(Direction::Received);
    out["publish_out"] = publishes(Direction::Sent);
    out["bytes_in"] = counter(Counter::BytesReceived);
    out["bytes_out"] = counter(Counter::BytesSent);
    out["queue_in"] = counter(Counter::QueueMessageIn);
    out["queue_out"] = counter(Counter::QueueMessageOut);
    double dropped = 0;
    json::object drops;
    for (const NamedCounter& each : kDrops) {
        const double drop = counter(each.counter);
        drops[each.name] = drop;
        // Nobody asked for it, or the client's own choice: no loss.
        if (each.counter != Counter::DropNoSubscriber) dropped += drop;
    }
    out["drops"] = dropped;
    out["drops_by_reason"] = std::move(drops);
    return out;
}

json::value bound(const metrics::HistogramValue& histogram, std::uint32_t percent) {
    const auto found = percentile_bound(histogram, percent);
    return found ? json::value(*found) : json::value(nullptr);
}

void add_latency(json::array& to, std::string name, metrics::HistogramValue now,
                 const metrics::HistogramValue& before, const Rate& rate) {
    now -= before;
    json::object out;
    out["what"] = std::move(name);
    out["per_second"] = rate(now.count());
    out["p50_us"] = bound(now, 50);
    out["p99_us"] = bound(now, 99);
    to.push_back(std::move(out));
}

json::array latencies(const broker::NodeSnapshot& now, const broker::NodeSnapshot& before,
                      const metrics::Snapshot& hooks, const metrics::Snapshot& hooks_before,
                      const Rate& rate) {
    json::array out;
    add_latency(out, "shard turn", now.numbers.shard_turn, before.numbers.shard_turn, rate);
    add_latency(out, "store commit", now.numbers.store_commit, before.numbers.store_commit, rate);
    add_latency(out, "store read", now.numbers.storage_read, before.numbers.storage_read, rate);
    metrics::Snapshot called = hooks;
    metrics::subtract(called, hooks_before);
    for (const metrics::Sample& sample : called) {
        if (sample.type != metrics::Type::Histogram || sample.labels.size() != 2) continue;
        add_latency(out, sample.labels[1].value + " of " + sample.labels[0].value, sample.histogram,
                    {}, rate);
    }
    return out;
}

json::array clients(broker::ActivityPicture& picture, const Rate& rate) {
    std::ranges::sort(picture.clients, std::greater(),
                      [](const auto& each) { return each.messages_in + each.messages_out; });
    json::array out;
    for (const auto& client : picture.clients) {
        if (out.size() == kMostTold) break;
        json::object row;
        row["client_id"] = valid_text(client.client_id);
        row["mountpoint"] = valid_text(client.mountpoint);
        row["messages_in"] = rate(client.messages_in);
        row["messages_out"] = rate(client.messages_out);
        row["bytes_in"] = rate(client.bytes_in);
        row["bytes_out"] = rate(client.bytes_out);
        out.push_back(std::move(row));
    }
    return out;
}

json::array topics(broker::ActivityPicture& picture, const Rate& rate) {
    std::ranges::sort(picture.topics, std::greater(), &broker::ActivityPicture::Topic::messages);
    json::array out;
    for (const auto& topic : picture.topics) {
        if (out.size() == kMostTold) break;
        json::object row;
        row["topic"] = valid_text(topic.topic);
        row["messages"] = rate(topic.messages);
        row["bytes"] = rate(topic.bytes);
        out.push_back(std::move(row));
    }
    return out;
}

}  // namespace

std::optional<std::uint64_t> percentile_bound(const metrics::HistogramValue& histogram,
                                              std::uint32_t percent) noexcept {
    const std::uint64_t count = histogram.count();
    if (count == 0) return std::nullopt;
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < metrics::kBoundsUs.size(); ++i) {
        below += histogram.buckets[i];
        if (below * 100 >= count * percent) return metrics::kBoundsUs[i];
    }
    return std::nullopt;
}

TopStream::TopStream(Source source, commands::TopOptions options, TimePoint now)
    : source_(std::move(source)), options_(options), before_(sample(now)) {}

commands::Stream::Piece TopStream::take(TimePoint now) {
    if (now - before_.at < options_.interval) return {};
    if (asked_at_ == TimePoint{}) {
        asked_at_ = now;
        source_.ask();
    }
    auto activity = source_.answer();
    if (activity.missing > 0 && now - asked_at_ < kPatience) return {};
    asked_at_ = {};
    Sample current = sample(now);
    const Rate rate(current.at - before_.at);
    json::object out;
    out["node"] = current.node.node;
    out["version"] = current.node.version;
    out["uptime_s"] = current.node.uptime.count() / 1000;
    out["interval_ms"] = (current.at - before_.at).count();
    out["connections"] = current.node.connections;
    out["sessions"] = current.node.clients;
    out["subscriptions"] = current.node.subscriptions;
    out["retained"] = current.node.retained_messages;
    out["rates"] = rates(current.node, before_.node, rate);
    json::array shards;
    for (std::size_t i = 0; i < current.node.utilization.size(); ++i) {
        shards.push_back({{"shard", i}, {"busy_percent", current.node.utilization[i]}});
    }
    out["shards"] = std::move(shards);
    out["latency"] = latencies(current.node, before_.node, current.hooks, before_.hooks, rate);
    out["clients"] = clients(activity.picture, rate);
    out["topics"] = topics(activity.picture, rate);
    out["shards_missing"] = activity.missing;
    before_ = std::move(current);
    return {json::serialize(out) + "\n", options_.once ? std::optional(0) : std::nullopt};
}

}  // namespace vmq::admin
