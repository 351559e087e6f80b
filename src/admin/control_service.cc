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
    [[nodiscard]] std::string answer_to(const std::string& line);

    const Actions actions;
    const ControlLimits limits;
    std::atomic<std::size_t> connections{0};  // a request that is given up goes on another thread

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

    void answer(std::string text) {
        answer_ = std::move(text);
        stream_.expires_after(service_.limits.answer);
        asio::async_write(stream_, asio::buffer(answer_),
                          [self = shared_from_this()](error_code, std::size_t) {});
    }

private:
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
};

ControlService::Impl::Impl(int listening_fd, Actions wanted, ControlLimits chosen)
    : actions(std::move(wanted)), limits(chosen) {
    acceptor_.emplace(io_, stream_protocol(), ::fcntl(listening_fd, F_DUPFD_CLOEXEC, 0));
    retry_.emplace(io_);
    pool_.emplace(kControlThreads, limits.connections, [this](Job& job) {
        std::string answer = answer_to(job.line);
        asio::post(io_,
                   [connection = std::move(job.connection), answer = std::move(answer)]() mutable {
                       connection->answer(std::move(answer));
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

std::string ControlService::Impl::answer_to(const std::string& line) {
    if (!line.starts_with(commands::kRequestStart)) {
        const std::string said = actions.request(line);
        return (said.empty() ? "error: unknown request" : said) + "\n";
    }
    const auto request = commands::decode_request(line);
    if (!request) return "error: " + request.error().detail + "\n";
    return commands::encode(actions.command(request.value().words, request.value().terminal));
}

ControlService::ControlService(int listening_fd, Actions actions, ControlLimits limits)
    : impl_(std::make_unique<Impl>(listening_fd, std::move(actions), limits)) {}

ControlService::~ControlService() = default;

void ControlService::close() { impl_->close(); }

}  // namespace vmq::admin
