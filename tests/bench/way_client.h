// Clients of a load program: MQTT 3.1.1 over TCP, TLS, WebSocket or both, many on one epoll set.
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace vmq::bench {

enum class Way : std::uint8_t { Tcp, Tls, Ws, Wss };

struct Target {
    std::uint16_t port = 0;  // at 127.0.0.1
    Way way = Way::Tcp;
    SSL_CTX* tls = nullptr;
    std::string_view hello;  // not empty: says only this and hangs
};

class Client;

/// What a mode makes of its clients. May call stop() of any client, must not destroy one.
class ClientEvents {
public:
    virtual ~ClientEvents() = default;
    /// The TLS handshake is over; of a client that only says hello: it was answered.
    virtual void on_secure(Client& /*client*/) {}
    virtual void on_open(Client& /*client*/) {}  // CONNACK
    virtual void on_packet(Client& /*client*/, std::uint8_t /*head*/, std::string_view /*body*/) {}
    /// The broker closed it, or something failed.
    virtual void on_end(Client& /*client*/) {}
};

/// An epoll set of Clients and timers. Used by one thread.
class Loop final {
public:
    Loop();
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    void watch(Client& client, bool writable, bool known);
    void watch_timer(int fd);
    /// Handles what is ready; waits at most so long for it. True: the timer is.
    bool poll(int timeout_ms);

private:
    int epoll_;
};

/// Owned by a mode, used on the thread of its Loop.
class Client final {
public:
    enum class Stage : std::uint8_t {
        Idle,
        Connecting,
        Securing,
        Hanging,   // said hello only
        Answered,  // and was answered
        Upgrading,
        Greeting,
        Open,
        Ended
    };

    /// `target` and `events` outlive the client. `number` makes its client id and its address.
    Client(Loop& loop, const Target& target, ClientEvents& events, std::size_t number);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// Begins to connect. Allowed again after the end.
    void start();
    /// Appends packets to what the next flush() sends, as one write and one frame.
    void send(std::string_view packets) { plain_ += packets; }
    void flush();
    /// Closes the connection; on_end() is not called.
    void stop();

    [[nodiscard]] Stage stage() const noexcept { return stage_; }
    [[nodiscard]] std::size_t number() const noexcept { return number_; }
    [[nodiscard]] int fd() const noexcept { return fd_; }
    /// Bytes the socket has not taken.
    [[nodiscard]] std::size_t unsent() const noexcept { return out_.size(); }

    void on_ready(bool readable, bool writable);

private:
    struct Release {
        void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
    };

    [[nodiscard]] bool websocket() const noexcept {
        return target_.way == Way::Ws || target_.way == Way::Wss;
    }
    void on_connected();
    void secure();
    void on_secured();
    void greet();
    void read();
    void take(std::string_view bytes);
    [[nodiscard]] bool take_answer();
    void take_frames();
    void take_packets();
    void write();
    [[nodiscard]] long write_some();
    void want_write(bool wanted);
    void end();

    Loop& loop_;
    const Target& target_;
    ClientEvents& events_;
    const std::size_t number_;
    int fd_ = -1;
    std::unique_ptr<SSL, Release> ssl_;
    Stage stage_ = Stage::Idle;
    bool wants_write_ = false;
    std::string plain_;  // MQTT to be sent
    std::string out_;    // what goes to the socket, or to TLS
    std::string wire_;   // WebSocket bytes that came
    std::string in_;     // MQTT that came
};

// Packets of MQTT 3.1.1.
[[nodiscard]] std::string packet(std::uint8_t head, std::string_view body);
[[nodiscard]] std::string connect_packet(std::string_view client_id);
[[nodiscard]] std::string subscribe_packet(std::string_view filter, int qos);
/// Appends a PUBLISH. `id`: 0 for QoS 0.
void append_publish(std::string& to, std::string_view topic, std::uint16_t id,
                    std::string_view payload);
struct Publication {
    std::uint16_t id = 0;  // 0: QoS 0
    std::string_view payload;
};
[[nodiscard]] Publication read_publish(std::uint8_t head, std::string_view body);

}  // namespace vmq::bench
