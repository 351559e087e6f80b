#include "runtime/poller.h"

#include <sys/epoll.h>

#include <array>

#include "base/assert.h"

namespace vmq::runtime {
namespace {

/// Most descriptors served before the turn ends and what they produced is written.
constexpr int kEventsPerDispatch = 256;

epoll_event event_for(ReadyHandler& handler, std::uint8_t interest) noexcept {
    epoll_event event{};
    if ((interest & ReadyHandler::kReadable) != 0) event.events |= EPOLLIN;
    if ((interest & ReadyHandler::kWritable) != 0) event.events |= EPOLLOUT;
    event.data.ptr = &handler;
    return event;
}

}  // namespace

Poller::Poller(boost::asio::io_context& io)
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)), descriptor_(io, epoll_) {
    VMQ_ASSERT(epoll_ >= 0);
}

Poller::~Poller() = default;

bool Poller::add(int fd, ReadyHandler& handler, std::uint8_t interest) {
    epoll_event event = event_for(handler, interest);
    return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
}

void Poller::change(int fd, ReadyHandler& handler, std::uint8_t interest) {
    epoll_event event = event_for(handler, interest);
    (void)::epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event);
}

void Poller::remove(int fd) {
    epoll_event unused{};
    (void)::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, &unused);
}

int Poller::dispatch() {
    std::array<epoll_event, kEventsPerDispatch> events;
    const int count = ::epoll_wait(epoll_, events.data(), kEventsPerDispatch, 0);
    for (int i = 0; i < count; ++i) {
        const auto& event = events[static_cast<std::size_t>(i)];
        std::uint8_t ready = ReadyHandler::kNone;
        if ((event.events & EPOLLIN) != 0) ready |= ReadyHandler::kReadable;
        if ((event.events & EPOLLOUT) != 0) ready |= ReadyHandler::kWritable;
        if ((event.events & (EPOLLERR | EPOLLHUP)) != 0) ready |= ReadyHandler::kBroken;
        static_cast<ReadyHandler*>(event.data.ptr)->on_ready(ready);
    }
    return count;
}

void Poller::arm() {
    if (armed_) return;
    armed_ = true;
    descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                           [this](const boost::system::error_code& error) {
                               if (!error) armed_ = false;
                           });
}

}  // namespace vmq::runtime
