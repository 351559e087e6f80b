#include "runtime/shard_loop.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

namespace vmq::runtime {
namespace {

/// Most Asio handlers run before a turn ends, so that nobody waits long for what is produced.
constexpr int kEventsPerTurn = 64;

}  // namespace

ShardLoop::ShardLoop(ShardId id, TimePoint start)
    : id_(id),
      io_(1),
      work_(boost::asio::make_work_guard(io_)),
      timer_(io_),
      poller_(io_),
      now_(start),
      timers_(now_) {}

void ShardLoop::run(TurnHandler& handler) {
    bool busy = false;  // sockets were ready in the last turn: look there before sleeping
    while (!stopping()) {
        now_is_read_ = false;
        if (busy || again_ || handler.has_mail()) {
            again_ = false;
            busy = finish_turn(handler);
            count_turn();
            continue;
        }
        arm_timer();
        poller_.arm();
        // Announce the sleep first and look for mail after that: a producer that misses the
        // announcement has left its mail before we look.
        asleep_.store(true, std::memory_order_seq_cst);
        if (!handler.has_mail()) io_.run_one();
        asleep_.store(false, std::memory_order_relaxed);
        busy = finish_turn(handler);
        count_turn();
    }
}

// From the first look at the clock, which is close behind the sleep.
void ShardLoop::count_turn() noexcept {
    if (turns_ != nullptr) turns_->add(std::chrono::steady_clock::now() - exact_now_);
}

bool ShardLoop::step(TurnHandler& handler, TimePoint now) {
    now_ = now;
    now_is_read_ = true;
    again_ = false;
    const bool ready = finish_turn(handler);
    return ready || handled_ > 0 || again_;
}

bool ShardLoop::finish_turn(TurnHandler& handler) {
    (void)now();
    const int ready = poller_.dispatch();
    handled_ = 0;
    while (handled_ < kEventsPerTurn && io_.poll_one() > 0) ++handled_;
    handler.on_mail();
    timers_.advance(now());
    handler.on_turn_end();
    return ready > 0;
}

void ShardLoop::read_clock() const noexcept {
    exact_now_ = std::chrono::steady_clock::now();
    now_ = std::chrono::time_point_cast<Millis>(exact_now_);
    now_is_read_ = true;
}

void ShardLoop::wake() {
    if (asleep_.exchange(false, std::memory_order_seq_cst)) boost::asio::post(io_, [] {});
}

void ShardLoop::stop() {
    // Once is enough to wake it: a simulation that is told again and again would never rest.
    if (stopping_.exchange(true, std::memory_order_acq_rel)) return;
    boost::asio::post(io_, [] {});
}

void ShardLoop::arm_timer() {
    const TimePoint wake_at = take_wake();
    if (wake_at == armed_for_) return;
    armed_for_ = wake_at;
    if (wake_at == kNever) {
        timer_.cancel();
        return;
    }
    timer_.expires_at(wake_at);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error) armed_for_ = kNever;
    });
}

}  // namespace vmq::runtime
