// Questions whether a session may have a subscription, asked while it has it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "base/ids.h"
#include "hooks/chain.h"
#include "hooks/verdicts.h"
#include "runtime/timer_wheel.h"

namespace vmq::broker {

class Client;
class Shard;

struct RightsQuestion {
    /// Null: the client or its subscription is gone.
    using Done = std::function<void(Client* client, const hooks::SubscribeVerdict& verdict)>;

    ClientNumber client{};
    std::string filter;
    std::optional<std::string> username;  // asked for; nothing: the client's
    hooks::PluginOrder route;
    Done done;  // if the answer comes later
};

/// Owned by a shard, used on its thread. A plugin that answers later has hook_timeout to do it and
/// counts as if it had no opinion then. Only kMaxOpen questions wait for plugins at a time; the
/// others wait for these, so that a change of rules does not ask everything at once.
class RightsQuestions final {
public:
    static constexpr std::size_t kMaxOpen = 1000;

    explicit RightsQuestions(Shard& shard) : shard_(shard) {}
    RightsQuestions(const RightsQuestions&) = delete;
    RightsQuestions& operator=(const RightsQuestions&) = delete;

    /// Requires that the client has the subscription. The verdict; nothing: `done` is called later.
    std::optional<hooks::SubscribeVerdict> ask(RightsQuestion question);

    /// Those that plugins have been asked and those that wait for their turn.
    [[nodiscard]] std::size_t pending() const noexcept { return open_.size() + waiting_.size(); }

private:
    struct Open {
        RightsQuestion question;
        std::size_t next = 0;       // place in the route to go on from
        std::size_t waits_for = 0;  // place of the plugin that was asked last
        std::uint32_t turn = 0;     // tells the answer awaited from others
        bool calling = false;
        std::optional<hooks::SubscribeVerdict> early;  // came before the call had returned
    };
    using Number = std::uint64_t;

    std::optional<hooks::SubscribeVerdict> go_on(Number number);
    void on_answer(Number number, std::uint32_t turn, hooks::SubscribeVerdict verdict,
                   std::size_t next);
    void finish(Number number, const hooks::SubscribeVerdict& verdict);
    void on_timer(TimePoint now);
    void arm();
    void start_waiting();

    Shard& shard_;
    std::unordered_map<Number, Open> open_;
    std::deque<RightsQuestion> waiting_;
    struct Deadline {
        TimePoint at;
        Number number;
        std::uint32_t turn;
    };
    std::deque<Deadline> deadlines_;  // all have the same time, so they are in order
    runtime::Timer timer_{this, [](void* self, TimePoint now) {
                              static_cast<RightsQuestions*>(self)->on_timer(now);
                          }};
    Number last_ = 0;
    bool starting_ = false;
};

}  // namespace vmq::broker
