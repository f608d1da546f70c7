CREATE TABLE "departure" (
	"conversation_id" uuid NOT NULL,
	"person_id" uuid NOT NULL,
	"removed" boolean NOT NULL,
	"at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"changed" "xid8" NOT NULL,
	CONSTRAINT "departure_conversation_id_person_id_pk" PRIMARY KEY("conversation_id","person_id")
);
--> statement-breakpoint
CREATE TABLE "operation" (
	"id" uuid PRIMARY KEY NOT NULL,
	"person_id" uuid NOT NULL,
	"at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "setting" (
	"key" text PRIMARY KEY NOT NULL,
	"value" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "usage" (
	"day" date NOT NULL,
	"person_id" uuid NOT NULL,
	"conversation_id" uuid NOT NULL,
	"model" text NOT NULL,
	"calls" integer NOT NULL,
	"prompt" bigint NOT NULL,
	"output" bigint NOT NULL,
	"total" bigint NOT NULL,
	CONSTRAINT "usage_day_person_id_conversation_id_model_pk" PRIMARY KEY("day","person_id","conversation_id","model")
);
--> statement-breakpoint
ALTER TABLE "link" ALTER COLUMN "uses_left" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "link" ALTER COLUMN "expires_at" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "conversation" ADD COLUMN "guests_ask" boolean DEFAULT true NOT NULL;--> statement-breakpoint
ALTER TABLE "conversation" ADD COLUMN "day_tokens" integer;--> statement-breakpoint
ALTER TABLE "conversation" ADD COLUMN "count" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "link" ADD COLUMN "person_id" uuid;--> statement-breakpoint
ALTER TABLE "link" ADD COLUMN "conversation_id" uuid;--> statement-breakpoint
ALTER TABLE "link" ADD COLUMN "role" text;--> statement-breakpoint
ALTER TABLE "link" ADD COLUMN "label" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "link" ADD COLUMN "revoked_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "link" ADD COLUMN "created_by" uuid;--> statement-breakpoint
ALTER TABLE "member" ADD COLUMN "read" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "member" ADD COLUMN "via_link_id" uuid;--> statement-breakpoint
ALTER TABLE "person" ADD COLUMN "seen_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "person" ADD COLUMN "day_tokens" integer;--> statement-breakpoint
ALTER TABLE "departure" ADD CONSTRAINT "departure_conversation_id_conversation_id_fk" FOREIGN KEY ("conversation_id") REFERENCES "public"."conversation"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "departure" ADD CONSTRAINT "departure_person_id_person_id_fk" FOREIGN KEY ("person_id") REFERENCES "public"."person"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "operation" ADD CONSTRAINT "operation_person_id_person_id_fk" FOREIGN KEY ("person_id") REFERENCES "public"."person"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "usage" ADD CONSTRAINT "usage_person_id_person_id_fk" FOREIGN KEY ("person_id") REFERENCES "public"."person"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "departure_person_id_index" ON "departure" USING btree ("person_id");--> statement-breakpoint
CREATE INDEX "usage_day_conversation_id_index" ON "usage" USING btree ("day","conversation_id");--> statement-breakpoint
ALTER TABLE "link" ADD CONSTRAINT "link_person_id_person_id_fk" FOREIGN KEY ("person_id") REFERENCES "public"."person"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "link" ADD CONSTRAINT "link_conversation_id_conversation_id_fk" FOREIGN KEY ("conversation_id") REFERENCES "public"."conversation"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "link" ADD CONSTRAINT "link_created_by_person_id_fk" FOREIGN KEY ("created_by") REFERENCES "public"."person"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "member" ADD CONSTRAINT "member_via_link_id_link_id_fk" FOREIGN KEY ("via_link_id") REFERENCES "public"."link"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "link_conversation_id_index" ON "link" USING btree ("conversation_id");