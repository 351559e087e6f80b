#include "broker/activity_watch.h"

#include <fmt/format.h>

#include <utility>

#include "broker/broker.h"
#include "runtime/guarded.h"

namespace vmq::broker {

struct ActivityWatches::Watch::Answers {
    runtime::Guarded<Answer> answer;
};

ActivityWatches::Watch::Watch(ActivityWatches& watches, WatchNumber number)
    : watches_(watches), number_(number) {
    for (ShardId id = 0; id < watches_.broker_.shard_count(); ++id) {
        Shard& shard = *watches_.broker_.shards()[id];
        watches_.broker_.post(id, [&shard, number] { shard.begin_watch(number); });
    }
}

ActivityWatches::Watch::~Watch() {
    for (ShardId id = 0; id < watches_.broker_.shard_count(); ++id) {
        Shard& shard = *watches_.broker_.shards()[id];
        watches_.broker_.post(id, [&shard, number = number_] { shard.end_watch(number); });
    }
    --watches_.count_;
}

void ActivityWatches::Watch::ask() {
    answers_ = std::make_shared<Answers>();
    const std::size_t shards = watches_.broker_.shard_count();
    answers_->answer.with([shards](Answer& answer) { answer.missing = shards; });
    for (ShardId id = 0; id < shards; ++id) {
        Shard& shard = *watches_.broker_.shards()[id];
        watches_.broker_.post(id, [&shard, number = number_, answers = answers_] {
            ActivityPicture picture = shard.take_activity(number);
            answers->answer.with([&picture](Answer& answer) {
                answer.picture.merge(std::move(picture));
                --answer.missing;
            });
        });
    }
}

ActivityWatches::Watch::Answer ActivityWatches::Watch::answer() const {
    if (!answers_) return {};
    return answers_->answer.with([](Answer& answer) {
        // Copied once, when it is complete; until then only the number counts.
        return answer.missing == 0 ? std::exchange(answer, {}) : answer;
    });
}

Result<std::unique_ptr<ActivityWatches::Watch>> ActivityWatches::start() {
    if (++count_ > kMaxWatches) {
        --count_;
        return Error{ErrorCode::Unavailable, fmt::format("{} others watch already.", kMaxWatches)};
    }
    return std::make_unique<Watch>(*this, WatchNumber{++last_number_});
}

}  // namespace vmq::broker
