import DescopeConn
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import ServiceLifecycle
import Synchronization

/// The service: a listener for users and programs, and another one for administrators.
public struct HTTPService: Sendable {
    /// Time after which a connection on which nothing happens is closed. Seconds.
    private static let idleSeconds: Int64 = 60
    private static let maxHeaderBytes = 32 << 10

    private let settings: ServiceSettings
    private let client: Client
    private let logger: Logger
    private let state = ServiceState()

    /// - Throws: ``ServiceError``, or a `ConnError` when the vault does not open.
    public init(_ settings: ServiceSettings) throws {
        self.settings = settings
        client = try Client(settings.vault)
        var logger = Logger(label: "descope-conn") { LineLogHandler(label: $0) }
        logger.logLevel = Logger.Level(rawValue: settings.logLevel) ?? .info
        self.logger = logger
    }

    /// Serves until the task is told to stop (`stop`), finishes what has begun, and closes the vault.
    /// - Parameters:
    ///   - isListening: called when it listens, with the URLs of the listeners.
    ///   - whenToldToStop: calls what it is given, when the service is to stop.
    public func run(
        isListening: @escaping @Sendable ([String]) -> Void,
        whenToldToStop: (@escaping @Sendable () -> Void) -> Void
    ) async throws {
        let metrics = Metrics()
        var applications: [any ServiceLifecycle.Service] = []
        let visitors = Visitors(
            client, settings, isSecure: settings.publicURL.isSecure, cookieName: "descope-conn")
        let started = Started(count: settings.administration == nil ? 1 : 2, then: isListening)
        applications.append(
            try application(
                settings.listen, settings.publicURL, visitors, SignIn(client, settings, visitors), metrics, started,
                isAdministration: false))
        if let administration = settings.administration {
            let url = try PublicURL("http://\(administration.authority)", setting: "administration")
            let administrators = Visitors(client, settings, isSecure: false, cookieName: "descope-conn-administration")
            applications.append(
                try application(administration, url, administrators, nil, metrics, started, isAdministration: true))
        }
        var configuration = ServiceGroupConfiguration(
            services: applications.map { .init(service: $0) }, gracefulShutdownSignals: [], logger: quiet)
        configuration.maximumGracefulShutdownDuration = .seconds(settings.stopSeconds)
        let group = ServiceGroup(configuration: configuration)
        whenToldToStop { [state, logger] in
            state.stop()
            logger.info("stopping")
            Task { await group.triggerGracefulShutdown() }
        }
        do {
            try await group.run()
        } catch {
            await client.close()
            throw error
        }
        await client.close()
        logger.info("stopped")
    }

    /// Closes the vault, where it does not come to serving.
    public func close() async { await client.close() }

    private func application(
        _ address: ServiceSettings.Address, _ url: PublicURL, _ visitors: Visitors, _ signIn: SignIn?,
        _ metrics: Metrics, _ started: Started, isAdministration: Bool
    ) throws -> some ServiceLifecycle.Service {
        let site = Site(
            client: client, settings: settings, visitors: visitors, signIn: signIn, metrics: metrics, state: state,
            isAdministration: isAdministration, url: url)
        let frontend = Frontend(
            site: site, clientAddress: ClientAddress(trusted: settings.trustedProxies), refusals: .ofRefusals(),
            signIns: .ofSignIns(),
            requests: isAdministration ? nil : settings.requestsPerMinute.map(Throttle.ofRequests), logger: logger)
        let channel = HTTP1Channel.Configuration(
            idleTimeout: .seconds(Self.idleSeconds),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: Self.maxHeaderBytes, maxHeaderListSize: Self.maxHeaderBytes,
                maxHeaderFieldCount: 100))
        return Application(
            responder: frontend,
            server: isAdministration ? .http1(configuration: channel) : try server(channel),
            configuration: ApplicationConfiguration(
                address: .hostname(address.host, port: address.port),
                availableConnectionsDelegate: MaximumAvailableConnections(settings.maxConnections)),
            onServerRunning: { channel in
                started.tell(isAdministration, channel.localAddress?.port ?? address.port, url)
            },
            logger: quiet)
    }

    private func server(_ channel: HTTP1Channel.Configuration) throws -> HTTPServerBuilder {
        guard let tls = settings.tls else { return .http1(configuration: channel) }
        do {
            let chain = try NIOSSLCertificate.fromPEMFile(tls.certificate).map {
                NIOSSLCertificateSource.certificate($0)
            }
            let key = try NIOSSLPrivateKey(file: tls.key, format: .pem)
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain, privateKey: .privateKey(key))
            configuration.minimumTLSVersion = .tlsv12
            return try .tls(.http1(configuration: channel), tlsConfiguration: configuration)
        } catch {
            throw ServiceError("tls: the certificate or its key cannot be read")
        }
    }

    /// Hummingbird's own messages, of which only what goes wrong is of interest.
    private var quiet: Logger {
        var logger = logger
        logger.logLevel = max(.error, logger.logLevel)
        return logger
    }
}

/// Waits until all listeners listen.
private final class Started: Sendable {
    private let urls = Mutex<[Bool: String]>([:])
    private let count: Int
    private let then: @Sendable ([String]) -> Void

    init(count: Int, then: @escaping @Sendable ([String]) -> Void) {
        self.count = count
        self.then = then
    }

    func tell(_ isAdministration: Bool, _ port: Int, _ url: PublicURL) {
        let all = urls.withLock { urls -> [String]? in
            urls[isAdministration] = url.text
            return urls.count == count ? [urls[false], urls[true]].compactMap { $0 } : nil
        }
        all.map(then)
    }
}
