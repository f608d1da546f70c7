CREATE TABLE "arrangement" (
	"person_id" uuid NOT NULL,
	"conversation_id" uuid NOT NULL,
	"pin" double precision,
	"archived" boolean DEFAULT false NOT NULL,
	"tags" jsonb NOT NULL,
	"version" integer NOT NULL,
	"changed" "xid8" NOT NULL,
	CONSTRAINT "arrangement_person_id_conversation_id_pk" PRIMARY KEY("person_id","conversation_id")
);
--> statement-breakpoint
CREATE TABLE "passkey" (
	"id" text PRIMARY KEY NOT NULL,
	"person_id" uuid NOT NULL,
	"host" text NOT NULL,
	"public_key" text NOT NULL,
	"counter" bigint NOT NULL,
	"transports" jsonb NOT NULL,
	"name" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"used_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "preset" (
	"id" uuid PRIMARY KEY NOT NULL,
	"person_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"name" text NOT NULL,
	"text" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "conversation" ADD COLUMN "titling" text DEFAULT 'settled' NOT NULL;--> statement-breakpoint
ALTER TABLE "conversation" ADD COLUMN "temperature" double precision;--> statement-breakpoint
ALTER TABLE "conversation" ADD COLUMN "thinking" text;--> statement-breakpoint
ALTER TABLE "message" ADD COLUMN "searched" "tsvector" GENERATED ALWAYS AS (to_tsvector('simple'::regconfig, translate(left("text", 64000), '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', '                                '))) STORED;--> statement-breakpoint
ALTER TABLE "message" ADD COLUMN "wanted_model" text;--> statement-breakpoint
ALTER TABLE "message" ADD COLUMN "thoughts" jsonb;--> statement-breakpoint
ALTER TABLE "message" ADD COLUMN "omitted" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "person" ADD COLUMN "default_model" text;--> statement-breakpoint
ALTER TABLE "person" ADD COLUMN "default_instructions" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "arrangement" ADD CONSTRAINT "arrangement_person_id_person_id_fk" FOREIGN KEY ("person_id") REFERENCES "public"."person"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "arrangement" ADD CONSTRAINT "arrangement_conversation_id_conversation_id_fk" FOREIGN KEY ("conversation_id") REFERENCES "public"."conversation"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "passkey" ADD CONSTRAINT "passkey_person_id_person_id_fk" FOREIGN KEY ("person_id") REFERENCES "public"."person"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "preset" ADD CONSTRAINT "preset_person_id_person_id_fk" FOREIGN KEY ("person_id") REFERENCES "public"."person"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "passkey_person_id_index" ON "passkey" USING btree ("person_id");--> statement-breakpoint
CREATE INDEX "preset_person_id_index" ON "preset" USING btree ("person_id");--> statement-breakpoint
CREATE INDEX "message_parent_id_index" ON "message" USING btree ("parent_id");--> statement-breakpoint
CREATE INDEX "message_searched" ON "message" USING gin ("searched");