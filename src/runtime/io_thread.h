// A thread of its own for work beside the shards, such as answering operators over HTTP.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <thread>

namespace vmq::runtime {

/// Runs `io`, which outlives it, also while there is nothing to do. When destroyed it lets the
/// handler that runs finish, stops `io` and joins; destroyed by another thread than its own.
class IoThread final {
public:
    explicit IoThread(boost::asio::io_context& io)
        : io_(io), work_(boost::asio::make_work_guard(io)), thread_([&io] { io.run(); }) {}
    ~IoThread() {
        io_.stop();
        thread_.join();
    }
    IoThread(const IoThread&) = delete;
    IoThread& operator=(const IoThread&) = delete;

private:
    boost::asio::io_context& io_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    std::thread thread_;
};

}  // namespace vmq::runtime
