#include "admin/control_service.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <optional>
#include <utility>

#include "admin/commands/wire.h"
#include "base/log.h"
#include "runtime/io_thread.h"
#include "runtime/work_pool.h"

namespace vmq::admin {
namespace {

namespace asio = boost::asio;
using asio::local::stream_protocol;
using boost::system::error_code;
using Stream = boost::beast::basic_stream<stream_protocol>;

constexpr std::string_view kStop = "stop";
constexpr std::string_view kEnding = "the broker is stopping";

}  // namespace

struct Said {
    std::string bytes;
    std::shared_ptr<commands::Stream> stream;  // goes on; null: that was all
};

class ControlService::Impl final {
public:
    struct Job {
        std::shared_ptr<Connection> connection;
        std::string line;
    };

    Impl(int listening_fd, Actions wanted, ControlLimits chosen);
    ~Impl();
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void close();
    void run(Job job);
    /// On a thread of the pool.
    [[nodiscard]] Said answer_to(const std::string& line);

    const Actions actions;
    const ControlLimits limits;
    std::atomic<std::size_t> connections{0};  // a request that is given up goes on another thread
    bool ending = false;                      // of the service's thread: answers that go on end

private:
    void accept();

    asio::io_context io_{1};
    std::optional<stream_protocol::acceptor> acceptor_;
    std::optional<asio::steady_timer> retry_;
    std::optional<runtime::WorkPool<Job>> pool_;
    std::optional<runtime::IoThread> thread_;
};

/// Lives as long as one of its handlers waits or its request is worked on.
class ControlService::Connection final : public std::enable_shared_from_this<Connection> {
public:
    Connection(Impl& service, stream_protocol::socket socket)
        : service_(service), stream_(std::move(socket)) {
        ++service_.connections;
    }
    ~Connection() { --service_.connections; }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void read() {
        stream_.expires_after(service_.limits.request);
        asio::async_read_until(stream_, asio::dynamic_buffer(request_, commands::kMaxRequest), '\n',
                               [self = shared_from_this()](error_code error, std::size_t size) {
                                   self->on_request(error, size);
                               });
    }

    void answer(std::string text, std::shared_ptr<commands::Stream> more = nullptr) {
        answer_ = std::move(text);
        more_ = std::move(more);
        if (more_) {
            timer_.emplace(stream_.get_executor());
            stream_.expires_never();  // somebody may stop his terminal to read
            wait_for_end();
        } else {
            stream_.expires_after(service_.limits.answer);
        }
        write();
    }

private:
    void write() {
        asio::async_write(stream_, asio::buffer(answer_),
                          [self = shared_from_this()](error_code error, std::size_t) {
                              if (error) return self->drop();
                              self->go_on();
                          });
    }

    void go_on() {
        if (!more_) return;
        commands::Stream::Piece piece = more_->take();
        if (service_.ending && !piece.status) {
            piece.out += std::string(kEnding) + "\n";
            piece.status = 1;
        }
        answer_ = commands::encode(piece);
        if (piece.status) {
            more_.reset();
            error_code ignored;
            stream_.socket().cancel(ignored);  // nobody needs to wait for its reader's end
            stream_.expires_after(service_.limits.answer);
        }
        if (!answer_.empty()) return write();
        timer_->expires_after(kStreamInterval);
        timer_->async_wait([self = shared_from_this()](error_code stopped) {
            if (!stopped) self->go_on();
        });
    }

    /// A reader who goes away, or says anything, wants no more.
    void wait_for_end() {
        stream_.socket().async_wait(stream_protocol::socket::wait_read,
                                    [self = shared_from_this()](error_code error) {
                                        if (!error) self->drop();
                                    });
    }

    void drop() {
        if (!more_) return;
        more_.reset();
        timer_->cancel();
        error_code ignored;
        stream_.socket().close(ignored);
    }

    void on_request(error_code error, std::size_t size) {
        if (error == asio::error::not_found) return answer("error: the request is too long\n");
        if (error) return;  // gone, or too slow
        std::string line = request_.substr(0, size - 1);
        if (line == kStop) return stop();
        service_.run({shared_from_this(), std::move(line)});
    }

    void stop() {
        answer_ = "ok\n";
        stream_.expires_never();
        asio::async_write(stream_, asio::buffer(answer_),
                          [self = shared_from_this()](error_code, std::size_t) {
                              const int socket = self->stream_.socket().native_handle();
                              self->service_.actions.stop(::fcntl(socket, F_DUPFD_CLOEXEC, 0));
                          });
    }

    Impl& service_;
    Stream stream_;
    std::string request_;
    std::string answer_;
    std::shared_ptr<commands::Stream> more_;
    std::optional<asio::steady_timer> timer_;
};

ControlService::Impl::Impl(int listening_fd, Actions wanted, ControlLimits chosen)
    : actions(std::move(wanted)), limits(chosen) {
    acceptor_.emplace(io_, stream_protocol(), ::fcntl(listening_fd, F_DUPFD_CLOEXEC, 0));
    retry_.emplace(io_);
    pool_.emplace(kControlThreads, limits.connections, [this](Job& job) {
        Said said = answer_to(job.line);
        asio::post(io_, [connection = std::move(job.connection), said = std::move(said)]() mutable {
            connection->answer(std::move(said.bytes), std::move(said.stream));
        });
    });
    accept();
    thread_.emplace(io_);
}

ControlService::Impl::~Impl() {
    close();
    thread_.reset();
    acceptor_.reset();
    retry_.reset();
}

void ControlService::Impl::close() {
    asio::post(io_, [this] {
        ending = true;
        error_code ignored;
        acceptor_->close(ignored);
        retry_->cancel();
    });
    pool_->stop();
}

void ControlService::Impl::accept() {
    acceptor_->async_accept([this](error_code error, stream_protocol::socket socket) {
        if (!acceptor_->is_open()) return;
        if (!error) {
            if (connections < limits.connections) {
                std::make_shared<Connection>(*this, std::move(socket))->read();
            }
            return accept();
        }
        retry_->expires_after(kAcceptRetry);
        retry_->async_wait([this](error_code stopped) {
            if (!stopped) accept();
        });
    });
}

void ControlService::Impl::run(Job job) {
    if (pool_->push(job)) return;
    const bool command = job.line.starts_with(commands::kRequestStart);
    const std::string text(kEnding);
    job.connection->answer(command ? commands::encode(commands::Printed{{}, text + "\n", 1})
                                   : "error: " + text + "\n");
}

Said ControlService::Impl::answer_to(const std::string& line) {
    if (!line.starts_with(commands::kRequestStart)) {
        const std::string said = actions.request(line);
        return {(said.empty() ? "error: unknown request" : said) + "\n", nullptr};
    }
    const auto request = commands::decode_request(line);
    if (!request) return {"error: " + request.error().detail + "\n", nullptr};
    commands::Printed printed = actions.command(request.value().words, request.value().terminal);
    return {commands::encode(printed), std::move(printed.stream)};
}

ControlService::ControlService(int listening_fd, Actions actions, ControlLimits limits)
    : impl_(std::make_unique<Impl>(listening_fd, std::move(actions), limits)) {}

ControlService::~ControlService() = default;

void ControlService::close() { impl_->close(); }

}  // namespace vmq::admin
