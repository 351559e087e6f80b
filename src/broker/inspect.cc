#include "broker/inspect.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <functional>
#include <utility>

#include "broker/broker.h"
#include "broker/limits.h"

namespace vmq::broker {
namespace {

void add(NodeSnapshot& sum, const metrics::ShardMetrics& shard) {
    for (std::size_t i = 0; i < metrics::kCounters; ++i) {
        sum.counters[i] += shard.get(static_cast<metrics::Counter>(i));
    }
    for (const auto direction : {metrics::Direction::Received, metrics::Direction::Sent}) {
        for (const bool v5 : {false, true}) {
            auto& totals = sum.packets[static_cast<std::size_t>(direction)][v5 ? 1 : 0];
            for (unsigned type = 0; type < totals.size(); ++type) {
                totals[type] += shard.packets(direction, v5, type);
            }
        }
    }
}

ListenerSnapshot picture_of(const Listener& listener, bool accepting) {
    ListenerSnapshot picture;
    picture.type = type_of(listener.kind);
    picture.name = listener.name;
    picture.address = listener.address;
    picture.port = listener.port;
    picture.mountpoint = listener.policy.mountpoint;
    picture.running = accepting && listener.running();
    picture.connections = listener.connections();
    if (listener.max_connections != 0) picture.max_connections = listener.max_connections;
    return picture;
}

/// Runs `work` on the shard's thread, soon.
template <typename Work>
void post(const Broker& broker, ShardId shard, Work work) {
    Shard& asked = *broker.shards()[shard];
    boost::asio::post(asked.loop().io(), [&asked, work = std::move(work)] { work(asked); });
}

/// The answer of `work` on the shard's thread.
template <typename Answer, typename Work>
Result<Answer> ask(const Broker& broker, ShardId shard, Millis patience, Work work) {
    auto answers = std::make_shared<runtime::WorkQueue<Answer>>();
    post(broker, shard,
         [answers, work = std::move(work)](Shard& asked) { answers->push(work(asked)); });
    std::vector<Answer> taken;
    (void)answers->take(taken, patience);
    if (!taken.empty()) {
        Answer answer = std::move(taken.front());
        return answer;
    }
    return Error{ErrorCode::Unavailable, "shard " + std::to_string(shard) +
                                             " has not answered within " +
                                             std::to_string(patience.count()) + " ms"};
}

ShardId home_of(const Broker& broker, std::string_view mountpoint, std::string_view client_id) {
    return broker.shards().front()->home_of(mountpoint, client_id);
}

}  // namespace

Inspector::Inspector(const Broker& broker, std::string node, std::string version)
    : broker_(broker), node_(std::move(node)), version_(std::move(version)), start_(steady_now()) {}

NodeSnapshot Inspector::snapshot() const {
    NodeSnapshot result;
    result.node = node_;
    result.version = version_;
    result.uptime = steady_now() - start_;
    for (const auto& shard : broker_.shards()) {
        result.connections += shard->connection_count();
        result.clients += shard->client_count();
        result.subscriptions += shard->subscription_count();
        add(result, shard->counters());
    }
    result.retained_messages = broker_.shared().retained.size();
    result.retained_bytes = broker_.shared().retained.bytes();
    for (const Listener* listener : broker_.listeners().all()) {
        result.listeners.push_back(picture_of(*listener, broker_.accepting()));
    }
    return result;
}

SessionReader::SessionReader(const Broker& broker, SessionQuestion question)
    : broker_(broker),
      number_([] {
          static std::atomic<std::uint64_t> last{0};
          return WalkNumber{++last};
      }()),
      answers_(std::make_shared<Answers>()) {
    if (question.mountpoint && question.client_id) {
        waited_for_.push_back(home_of(broker, *question.mountpoint, *question.client_id));
    } else {
        for (ShardId shard = 0; shard < broker.shard_count(); ++shard) waited_for_.push_back(shard);
    }
    for (const ShardId shard : waited_for_) {
        post(broker_, shard, [number = number_, question, answers = answers_](Shard& asked) {
            asked.session_walks().begin(number, question, [answers](SessionPortion portion) {
                answers->push(std::move(portion));
            });
        });
    }
}

SessionReader::~SessionReader() {
    for (const ShardId shard : waited_for_) {
        post(broker_, shard,
             [number = number_](Shard& asked) { asked.session_walks().end(number); });
    }
}

std::vector<SessionPicture> SessionReader::next(Millis patience) {
    const TimePoint deadline = steady_now() + patience;
    while (ready_.empty() && !waited_for_.empty()) {
        taken_.clear();
        (void)answers_->take(taken_, std::max(deadline - steady_now(), Millis::zero()));
        if (taken_.empty()) break;
        for (SessionPortion& portion : taken_) on_portion(std::move(portion));
    }
    if (ready_.empty()) return {};
    std::vector<SessionPicture> sessions = std::move(ready_.front());
    ready_.pop_front();
    return sessions;
}

void SessionReader::on_portion(SessionPortion portion) {
    if (portion.last) {
        std::erase(waited_for_, portion.shard);
        if (portion.refused) refused_.push_back(portion.shard);
    } else {
        post(broker_, portion.shard,
             [number = number_](Shard& asked) { asked.session_walks().ask(number); });
    }
    if (!portion.sessions.empty()) ready_.push_back(std::move(portion.sessions));
}

struct RetainedReader::State {
    std::string mountpoint;
    std::optional<std::string> filter;
    routing::RetainedIndex::Cursor cursor;
};

RetainedReader::RetainedReader(const Broker& broker, std::string mountpoint,
                               std::optional<std::string> filter)
    : broker_(broker),
      state_(std::make_shared<State>(State{std::move(mountpoint), std::move(filter), {}})) {}

RetainedReader::~RetainedReader() = default;

bool RetainedReader::done() const noexcept { return state_->cursor.done; }

Result<std::vector<mqtt::MessagePtr>> RetainedReader::next(Millis patience) {
    // On a shard, because only it may take its lock of the index.
    return ask<std::vector<mqtt::MessagePtr>>(broker_, 0, patience, [state = state_](Shard& shard) {
        std::vector<mqtt::MessagePtr> messages;
        auto& retained = shard.shared().retained;
        if (state->filter) {
            retained.match(shard.id(), state->mountpoint, *state->filter, shard.now(),
                           kRetainedAtOnce, state->cursor, messages);
        } else {
            retained.list(shard.id(), state->mountpoint, shard.now(), kRetainedAtOnce,
                          state->cursor, messages);
        }
        return messages;
    });
}

DropAnswer read_drops(const Broker& broker, Millis patience) {
    struct Part {
        ShardId shard;
        DropPicture drops;
    };
    auto answers = std::make_shared<runtime::WorkQueue<Part>>();
    DropAnswer answer;
    for (ShardId shard = 0; shard < broker.shard_count(); ++shard) {
        answer.silent.push_back(shard);
        post(broker, shard,
             [answers](Shard& asked) { answers->push({asked.id(), asked.drops().picture()}); });
    }
    const TimePoint deadline = steady_now() + patience;
    while (!answer.silent.empty()) {
        std::vector<Part> parts;
        (void)answers->take(parts, std::max(deadline - steady_now(), Millis::zero()));
        if (parts.empty()) break;
        for (Part& part : parts) {
            answer.drops.merge(std::move(part.drops));
            std::erase(answer.silent, part.shard);
        }
    }
    return answer;
}

Result<std::vector<std::string>> retained_mountpoints(const Broker& broker, std::size_t limit,
                                                      const std::string* after, Millis patience) {
    const std::optional<std::string> behind =
        after == nullptr ? std::nullopt : std::optional(*after);
    return ask<std::vector<std::string>>(broker, 0, patience, [limit, behind](Shard& shard) {
        return shard.shared().retained.mountpoints(shard.id(), limit, behind ? &*behind : nullptr);
    });
}

Result<bool> disconnect_session(const Broker& broker, std::string mountpoint, std::string client_id,
                                bool cleanup, Millis patience) {
    const ShardId home = home_of(broker, mountpoint, client_id);
    return ask<bool>(
        broker, home, patience,
        [mountpoint = std::move(mountpoint), client_id = std::move(client_id), cleanup](
            Shard& shard) { return shard.disconnect_client(mountpoint, client_id, cleanup); });
}

Result<bool> unsubscribe_session(const Broker& broker, std::string mountpoint,
                                 std::string client_id, std::string filter, bool tell_plugins,
                                 Millis patience) {
    const ShardId home = home_of(broker, mountpoint, client_id);
    return ask<bool>(broker, home, patience,
                     [mountpoint = std::move(mountpoint), client_id = std::move(client_id),
                      filter = std::move(filter), tell_plugins](Shard& shard) {
                         return shard.unsubscribe_client(mountpoint, client_id, filter,
                                                         tell_plugins);
                     });
}

}  // namespace vmq::broker
