#include "cluster/link_loop.h"

#include <algorithm>
#include <utility>

#include "cluster/link.h"
#include "transport/stream_socket.h"

namespace vmq::cluster {
namespace {

constexpr std::size_t kReadBufferSize = 64UL * 1024;

}  // namespace

/// What is left of a connection whose link has ended. Owned by the LinkLoop.
class Parting final : public runtime::ReadyHandler {
public:
    Parting(LinkLoop& loop, int fd, OutputBuffer rest)
        : loop_(loop),
          socket_(loop.loop(), fd, *this),
          rest_(std::move(rest)),
          timer_(this, [](void* self, TimePoint) { static_cast<Parting*>(self)->finish(); }) {
        loop.loop().timers().start(timer_, loop.loop().now() + LinkLoop::kPartingTime);
        write();
    }

    [[nodiscard]] bool finished() const noexcept { return finished_; }

    void on_ready(std::uint8_t events) override {
        if (finished_) return;
        if ((events & kWritable) != 0) write();
        if (!finished_ && (events & (kReadable | kBroken)) != 0) discard();
    }

private:
    void write() {
        std::size_t written = 0;
        const transport::IoStatus status = socket_.write(rest_, written);
        loop_.metrics().add(metrics::Counter::ClusterBytesSent, written);
        if (status == transport::IoStatus::Failed) return finish();
        if (status == transport::IoStatus::Ok) socket_.shutdown_write();
        socket_.want(true, status == transport::IoStatus::WouldBlock);
    }

    void discard() {
        const transport::ReadResult result = socket_.read(loop_.read_buffer());
        if (result.status == transport::IoStatus::Closed ||
            result.status == transport::IoStatus::Failed) {
            finish();
        }
    }

    void finish() {
        finished_ = true;
        timer_.stop();
        socket_.close();
        loop_.loop().run_again();  // to be destroyed
    }

    LinkLoop& loop_;
    transport::StreamSocket socket_;
    OutputBuffer rest_;
    runtime::Timer timer_;
    bool finished_ = false;
};

LinkLoop::LinkLoop(runtime::ShardLoop& loop, metrics::ShardMetrics& metrics, LinkSettings settings)
    : loop_(loop), metrics_(metrics), settings_(settings), read_buffer_(kReadBufferSize) {}

LinkLoop::~LinkLoop() { buried_.clear(); }

void LinkLoop::on_turn_end() {
    flushing_.swap(dirty_);
    for (std::size_t i = 0; i < flushing_.size(); ++i) {
        if (flushing_[i] != nullptr) flushing_[i]->flush_marked();
    }
    flushing_.clear();
    if (!dirty_.empty()) loop_.run_again();
    buried_.clear();
    std::erase_if(partings_, [](const auto& parting) { return parting->finished(); });
}

void LinkLoop::bury(std::unique_ptr<Link> link) { buried_.push_back(std::move(link)); }

void LinkLoop::forget(const Link& link) noexcept {
    std::erase(dirty_, &link);
    std::replace(flushing_.begin(), flushing_.end(), const_cast<Link*>(&link),
                 static_cast<Link*>(nullptr));
}

void LinkLoop::part(int fd, OutputBuffer rest) {
    auto parting = std::make_unique<Parting>(*this, fd, std::move(rest));
    // One that does not fit has written what the system took at once.
    if (partings_.size() < kMostPartings) partings_.push_back(std::move(parting));
}

}  // namespace vmq::cluster
